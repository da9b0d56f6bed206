// What a message of Istio's API looks like: fields with their protobuf types, as one table that types TypeScript and drives the reader.
// Follows the JSON form of protocol buffers, which is what a manifest holds.

/** The kinds of scalars; `duration` is Go's (`1h30m`, `1.5s`), read into milliseconds. */
type ScalarKind = 'string' | 'text' | 'bytes' | 'bool' | 'int' | 'uint' | 'double' | 'duration' | 'any'

export type Shape =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'enum'; readonly names: readonly string[] }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'message'; readonly message: () => MessageShape }

export interface MessageShape {
  readonly name: string
  readonly fields: Readonly<Record<string, Shape>>
  /** Groups of fields of which at most one may be given. */
  readonly oneofs: readonly (readonly string[])[]
}

declare const value: unique symbol
/** A shape that knows the TypeScript type of what is read by it. */
export type Field<T> = Shape & { readonly [value]?: T }
export type ValueOf<F> = F extends { readonly [value]?: infer T } ? Exclude<T, undefined> : never

/** A field that is absent, or null, is undefined. */
export type MessageValue<F> = { readonly [K in keyof F]?: ValueOf<F[K]> | undefined }
export type Message<F> = MessageShape & { readonly [value]?: MessageValue<F> }

export const string: Field<string> = { kind: 'string' }
/** What Kubernetes calls IntOrString. */
export const text: Field<string> = { kind: 'text' }
/** Base64 in the file; the bytes as text, one character a byte. */
export const bytes: Field<string> = { kind: 'bytes' }
export const bool: Field<boolean> = { kind: 'bool' }
export const int: Field<number> = { kind: 'int' }
export const uint: Field<number> = { kind: 'uint' }
export const double: Field<number> = { kind: 'double' }
/** Milliseconds, with fractions. */
export const duration: Field<number> = { kind: 'duration' }
/** Anything: read over. True when it is there. */
export const any: Field<true> = { kind: 'any' }

export function oneOf<const N extends string>(...names: readonly N[]): Field<N> {
  return { kind: 'enum', names } as Field<N>
}

export function list<T>(of: Field<T>): Field<readonly T[]> {
  return { kind: 'list', of } as Field<readonly T[]>
}

/** A value of null stays null: Istio tells it apart from a key that is not there. */
export function mapOf<T>(of: Field<T>): Field<ReadonlyMap<string, T | null>> {
  return { kind: 'map', of } as Field<ReadonlyMap<string, T | null>>
}

export function message<F extends Readonly<Record<string, Shape>>>(
  name: string,
  fields: F,
  ...oneofs: readonly (readonly (keyof F & string)[])[]
): Message<F> {
  return { name, fields, oneofs }
}

export function nested<F>(of: Message<F>): Field<MessageValue<F>> {
  return { kind: 'message', message: () => of } as unknown as Field<MessageValue<F>>
}
