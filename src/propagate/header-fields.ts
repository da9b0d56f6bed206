// One more field in whatever shape undici takes header fields: pairs one after the other, an object, or anything iterable.
// A field of that name that is there already stays: whoever wrote it meant it.

export type HeaderFields =
  | readonly (string | readonly string[])[]
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | Iterable<readonly [string, string | readonly string[] | undefined]>
  | null
  | undefined

/** @param name in lower case */
export function withField(fields: HeaderFields, name: string, value: string): HeaderFields {
  if (fields === undefined || fields === null) return { [name]: value }
  if (isFlatList(fields)) {
    for (let i = 0; i < fields.length; i += 2) if (String(fields[i]).toLowerCase() === name) return fields
    return [...fields, name, value]
  }
  const pairs =
    Symbol.iterator in fields ? [...(fields as Iterable<readonly [string, string]>)] : Object.entries(fields)
  if (pairs.some(([field]) => field.toLowerCase() === name)) return fields
  return Object.fromEntries([...pairs, [name, value]])
}

/** undici's raw form: name, value, name, value. Pairs in an array are an iterable of pairs. */
function isFlatList(fields: NonNullable<HeaderFields>): fields is readonly (string | readonly string[])[] {
  return Array.isArray(fields) && !Array.isArray(fields[0])
}
