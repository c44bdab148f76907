/** Colours carry no meaning alone: every answer is a word, every violation a diamond. */
export const PAGE_STYLE = `
:root{--paper:#fcfcfb;--ink:#1c1e21;--quiet:#62676e;--line:#dfe1e4;--panel:#f3f4f4;--order:#2563a8;--middle:#2563a8;--high:#8a6fc0;--most:#b3b8bf;--pass:#1f7a45;--fail:#c22f2f;--unknown:#8f6200}
@media (prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e6e7e9;--quiet:#9aa0a8;--line:#33373c;--panel:#1e2125;--order:#6aa9ec;--middle:#6aa9ec;--high:#b39be6;--most:#5c636c;--pass:#5cc489;--fail:#ff7b72;--unknown:#e0b04c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:28px 24px 64px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC",sans-serif}
header{display:flex;gap:22px;align-items:center;border-left:6px solid var(--tone);padding:4px 0 4px 20px}
header h1,header p{margin:0}
header h1{font-size:17px;font-weight:600}
.answer{font-size:40px;font-weight:700;line-height:1;color:var(--tone)}
.pass{--tone:var(--pass)}.fail{--tone:var(--fail)}.unknown{--tone:var(--unknown)}.unjudged{--tone:var(--quiet)}
.quiet,.none{color:var(--quiet);font-size:13px}
h2{font-size:18px;margin:36px 0 10px}
h3{font-size:15px;margin:24px 0 8px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(112px,1fr));gap:8px;margin:24px 0 0}
dl div{background:var(--panel);border-radius:6px;padding:8px 12px}
dt{color:var(--quiet);font-size:12.5px}
dd{margin:0;font-size:18px;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--quiet);font-size:12px}
svg text.title{fill:var(--ink);font-size:13.5px;font-weight:600}
svg .grid{stroke:var(--line);fill:none}
svg .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
svg .order{stroke:var(--order);stroke-width:3}
svg .middle{stroke:var(--middle)}svg .high{stroke:var(--high)}svg .most{stroke:var(--most)}
svg .bad path{fill:var(--fail);stroke:var(--fail);stroke-width:1.4}
svg a:hover path{stroke-width:4}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--quiet);font-weight:500;font-size:12.5px}
td,th{padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums}
.mark{color:var(--tone);font-weight:600;white-space:nowrap}
code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--quiet);overflow-wrap:anywhere}
a{color:inherit}
.finding{background:var(--panel);border-left:3px solid var(--fail);border-radius:0 6px 6px 0;padding:8px 14px;margin:10px 0}
.finding p{margin:0 0 4px;overflow-wrap:anywhere}
.finding td{padding:3px 16px 3px 0;border:0;font-size:13px;overflow-wrap:anywhere}
.finding td:first-child{color:var(--quiet);width:72px}
.finding td:last-child{width:45%}
@media print{body{max-width:none}}
`;
