// Texts as a line of the access log may hold them: whatever a client sends, it must not start a line, end a string or steer a terminal.

/** Everything but printable ASCII, and what JSON escapes. */
const notPlain = /[^ !#-[\]-~]/g
const notAscii = /[^ -~]/g

/** What stands between the quotes of a JSON string. */
export function plainText(value: string): string {
  return value.replace(notPlain, escaped)
}

/** JSON that says the same in printable ASCII. */
export function asciiJson(json: string): string {
  return json.replace(notAscii, escaped)
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A record's path has no query; this holds even if one slips in, for queries carry secrets. */
export function withoutQuery(path: string): string {
  const at = path.indexOf('?')
  return at === -1 ? path : path.slice(0, at)
}
