const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters, all but those that are white space. */
const NOT_ALLOWED = /(?![\t\n\r])\p{Cc}/gu;

/** Text for HTML and SVG, attributes included: what a record says must not become part of the page. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '').replace(NOT_ALLOWED, '\ufffd');
}

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
