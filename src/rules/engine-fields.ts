// Fields that the engine writes of every message by itself: where one ends, and what becomes of its connection (RFC 9112 6 and 9).

const names = new Set(
  'connection content-length keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
)

/** Whether no configuration may set, add or remove it: message and framing would part ways. In any case of letters. */
export function isEngineField(name: string): boolean {
  return names.has(name.toLowerCase())
}
