// Values of fields that we write ourselves.

/**
 * A value that can stand in a field. Callers promise clean values; should one slip, nobody gets to write a line of their own:
 * control bytes become SP (RFC 9110 5.5), characters beyond latin1, whose upper half the wire would cut off, their UTF-8 bytes.
 */
export function fieldText(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return cleaned(value)
  }
  return value
}

function cleaned(value: string): string {
  let out = ''
  for (const byte of Buffer.from(value, 'utf8')) {
    out += (byte < 32 && byte !== 9) || byte === 127 ? ' ' : String.fromCharCode(byte)
  }
  return out
}
