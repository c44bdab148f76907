const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** Whether `bytes[start, end)` are digits only, as nearly every integer is. */
export function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < DIGIT_0 || byte > DIGIT_9) return false;
  }
  return true;
}

/**
 * Whether a JSON number is an integer as it is written: `1.0` and `1e3` are, as in JSON Schema;
 * 9007199254740991.4 and 1e-400 are not, though the doubles they become are. Takes time linear in the text.
 */
export function isWholeNumber(text: string): boolean {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  // No /0+$/: it is quadratic in a long run of zeros.
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === DIGIT_0) end -= 1;
  if (end === 0) return true;
  const lastDigitPower = Number(exponent) - fraction.length + (digits.length - end);
  return lastDigitPower >= 0;
}
