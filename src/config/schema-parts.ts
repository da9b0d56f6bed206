// The words that the schema of routes.yaml is made of. Each is JSON Schema for editors, a static type for us, and the text of messages.
// Scalars are texts as written: an editor may take 1.10 for a number and true for a boolean, so their schemas allow for that.

import { type Static, type TOptional, type TSchema, Type } from 'typebox'

/** What our reader knows of a schema: JSON Schema's keywords, and two that editors use for messages. */
export interface Shape {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly anyOf?: readonly Shape[]
  readonly enum?: readonly (string | number)[]
  readonly not?: object
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Shape>>
  readonly items?: Shape
  readonly minItems?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  /** What a value of this kind is, as in `"5 min" is not a duration such as 30s`. */
  readonly expects?: string
  /** The same for a key of a map with free keys. */
  readonly expectsKey?: string
  /** Values may be secrets: messages do not show them. */
  readonly hidden?: boolean
  /** Why a known key is refused. */
  readonly refusal?: string
}

interface Notes {
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly title?: string
  readonly expects?: string
  readonly hidden?: boolean
}

/** A scalar of any look, kept as written. */
export function Text(expects: string, options: Notes & { readonly pattern?: string } = {}) {
  const patternErrorMessage = `not ${expects}`
  const shown = options.pattern === undefined ? {} : { patternErrorMessage }
  return Type.Unsafe<string>({ type: ['string', 'number', 'boolean'], expects, ...shown, ...options })
}

export function Whole(minimum: number, maximum: number, options: Notes = {}) {
  return Type.Integer({ minimum, maximum, ...options })
}

/** A map with these keys and no others. A property with a default is never missing from what the reader gives. */
export function Section<P extends Record<string, TSchema>>(properties: P, options: Notes = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/** A map with free keys, in the order of the file. */
export function Dictionary<V extends TSchema>(keys: KeyForm, values: V, options: Notes = {}) {
  return Type.Unsafe<ReadonlyMap<string, Static<V>>>({
    type: 'object',
    patternProperties: { [keys.pattern]: values },
    additionalProperties: false,
    expectsKey: keys.expects,
    ...options,
  })
}

/** A map with some known keys; the others stand in `entries`. */
export function SectionWithEntries<P extends Record<string, TSchema>, V extends TSchema>(
  properties: P,
  keys: KeyForm,
  values: V,
  options: Notes = {},
) {
  type Read = Static<ReturnType<typeof Type.Object<P>>> & { entries: ReadonlyMap<string, Static<V>> }
  return Type.Unsafe<Read>({
    type: 'object',
    properties,
    patternProperties: { [keys.pattern]: values },
    additionalProperties: false,
    expectsKey: keys.expects,
    ...options,
  })
}

interface KeyForm {
  readonly pattern: string
  readonly expects: string
}

/** Nothing behind the colon. */
export function Nothing() {
  return Type.Null({ expects: 'nothing' })
}

/** A key that people write for good reasons and that we refuse with a word of explanation. */
export function Refused(refusal: string): TOptional<ReturnType<typeof Type.Never>> {
  return Type.Optional(Type.Never({ refusal, doNotSuggest: true, errorMessage: refusal }))
}

/** A key of the agreed language that this release does not carry out: refused rather than dropped in silence. */
export function NotYet(name: string): ReturnType<typeof Refused> {
  return Refused(`${name}${notYet}`)
}

const notYet = ' is not honoured yet'

/** Such a key is a word of the language, and no slip. */
export function isNotYet(refusal: string | undefined): boolean {
  return refusal?.endsWith(notYet) === true
}

// --- forms of texts ------------------------------------------------------------------------------------------------------------------

const namePattern = '[A-Za-z0-9][A-Za-z0-9._-]{0,62}'
const tokenPattern = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const nameForm = 'a name (letters, digits, dots, _ and -, at most 63, a letter or digit first)'

export const nameKeys: KeyForm = { pattern: `^${namePattern}$`, expects: nameForm }
/** Services inside a version: `base` is taken. */
export const poolKeys: KeyForm = { pattern: `^(?!base$)${namePattern}$`, expects: nameForm }
/** RFC 9110 5.6.2. */
export const fieldKeys: KeyForm = { pattern: `^${tokenPattern}$`, expects: 'a header name' }
/** Envoy's pseudo headers are names to Istio's match. */
export const matchFieldKeys: KeyForm = { pattern: `^:?${tokenPattern}$`, expects: 'a header name' }
export const cookieKeys: KeyForm = { pattern: `^${tokenPattern}$`, expects: 'a cookie name' }
export const anyKeys: KeyForm = { pattern: '^[^\\u0000-\\u001f\\u007f]+$', expects: 'a name' }

export function Name(options: Notes = {}) {
  return Text(nameForm, { pattern: nameKeys.pattern, ...options })
}

export function FieldName(options: Notes = {}) {
  return Text(fieldKeys.expects, { pattern: fieldKeys.pattern, ...options })
}

export function CookieName(options: Notes = {}) {
  return Text(cookieKeys.expects, { pattern: cookieKeys.pattern, ...options })
}

export function IdentitySource() {
  return Text('cookies.NAME, headers.NAME or clientIp', {
    pattern: `^(clientIp|(cookies|headers)\\.${tokenPattern})$`,
    examples: ['cookies.user', 'headers.x-user', 'clientIp'],
  })
}

/** Go's and Istio's spelling, with one unit, plus days. */
export function Duration(options: Notes = {}) {
  return Text('a duration such as 500ms, 30s, 1.5s, 8h or 7d', {
    pattern: '^\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h|d)$',
    ...options,
  })
}

export function Percentage(options: Notes = {}) {
  return Text('a percentage such as 5%, 0.5% or 0.01% (the smallest step)', {
    pattern: '^(100(\\.0{1,2})?|\\d{1,2}(\\.\\d{1,2})?)%$',
    ...options,
  })
}

/** 0 to 100, with up to four decimals: Envoy's finest step is a millionth. */
export const percentNumber = '(100(\\.0{1,4})?|\\d{1,2}(\\.\\d{1,4})?)'

export function Cidr() {
  return Text('an address or CIDR', { examples: ['192.168.0.58', '10.8.0.0/16', '2001:db8::/32'] })
}

export function FilePath() {
  return Text('the path of a file', { pattern: '.', description: 'Relative to this file.' })
}

/** RFC 9110 5.5 without obs-text troubles: one line, no NUL. */
export function FieldValue() {
  return Text('a header value on one line', { pattern: '^[^\\r\\n\\u0000]*$', hidden: true })
}
