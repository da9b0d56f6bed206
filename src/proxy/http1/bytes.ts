// What each byte may be in HTTP/1.1 (RFC 9110 5.6.2, 5.5; RFC 3986 3.2.2), as tables of 256 entries. Pure data.

export const CR = 13
export const LF = 10
export const SP = 32
export const TAB = 9
export const SLASH = 47
export const COLON = 58
const DEL = 127

const tokenMarks = "!#$%&'*+-.^_`|~"

/** 1 for token characters (methods, field names). */
export const tokenByte = table((code, char) => isAlphanumeric(code) || tokenMarks.includes(char))

/** 1 for what a field value or a reason may hold: HTAB, visible ASCII, SP and obs-text. */
export const valueByte = table((code) => code === TAB || (code >= SP && code !== DEL))

/** 1 for what the parser lets into a target. What a target may really hold is target.ts's business. */
export const targetByte = table((code) => code > SP && code !== 127)

/** 1 for what a registered name may hold. RFC 3986 allows a comma too; two Host lines joined look like that, so we do not. */
export const hostByte = table((code, char) => isAlphanumeric(code) || "-._~!$&'()*+;=".includes(char))

/** ASCII letters in lower case, everything else as it is. */
export const lowerByte = Uint8Array.from({ length: 256 }, (_, code) => (code >= 65 && code <= 90 ? code + 32 : code))

/** Letters in lower case, digits, and one class for every mark: CGI, WSGI and PHP turn several of them into `_`. */
export const foldedByte = Uint8Array.from({ length: 256 }, (_, code) => {
  const low = lowerByte[code]!
  return (low >= 97 && low <= 122) || (low >= 48 && low <= 57) ? low : 45
})

/** Value of a hex digit, 255 for anything else. */
export const hexValue = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = code < 128 && isAlphanumeric(code) ? Number.parseInt(String.fromCharCode(code), 16) : Number.NaN
  return Number.isNaN(value) ? 255 : value
})

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** White space inside a line (OWS, RFC 9110 5.6.3). */
export function isBlank(code: number): boolean {
  return code === SP || code === TAB
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}

function table(test: (code: number, char: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code, String.fromCharCode(code)) ? 1 : 0))
}
