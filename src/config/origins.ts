// Where the parts of a configuration were written, kept beside the values: a value says what, its origin says where.

import type { Place } from '../rules/types.ts'
import type { YamlEntry, YamlNode } from './yaml-tree.ts'

interface Origin {
  readonly path: string
  readonly place: Place
  readonly keys: ReadonlyMap<string | number, Place>
  readonly values: ReadonlyMap<string | number, Place>
}

/** Of the maps and lists that one reading made. */
export class Origins {
  readonly #origins = new WeakMap<object, Origin>()

  add(value: object, path: string, place: Place, entries: readonly YamlEntry[]): void {
    this.#origins.set(value, {
      path,
      place,
      keys: new Map(entries.map(({ key, keyPlace }) => [key, keyPlace])),
      values: new Map(entries.map((entry) => [entry.key, entry.value.place])),
    })
  }

  addList(list: object, path: string, place: Place, items: readonly YamlNode[]): void {
    const places = new Map(items.map((item, index) => [index, item.place]))
    this.#origins.set(list, { path, place, keys: places, values: places })
  }

  /** Of the value at this key, else of the whole. */
  place(owner: object, key?: string | number): Place {
    const origin = this.#of(owner)
    return (key === undefined ? undefined : origin.values.get(key)) ?? origin.place
  }

  /** Of the key itself. */
  keyPlace(owner: object, key: string): Place {
    const origin = this.#of(owner)
    return origin.keys.get(key) ?? origin.place
  }

  /** Whether the file itself has this key; the value may be a default. */
  isWritten(owner: object, key: string): boolean {
    return this.#of(owner).keys.has(key)
  }

  /** The keys that lead to a part, as people write them. */
  path(owner: object, key?: string | number): string {
    const { path } = this.#of(owner)
    if (key === undefined) return path
    return typeof key === 'number' ? `${path}[${key}]` : within(path, key)
  }

  #of(owner: object): Origin {
    const origin = this.#origins.get(owner)
    if (origin === undefined) throw new Error('this value was not read from a file')
    return origin
  }
}

/** `gray[0]` and `match` make `gray[0].match`. */
export function within(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
