// A message head as the engine's seam has it, over a plain list of lines: changes are really made, so that the model sees what would be
// sent.

import type { Head } from '../../src/proxy/exchange.ts'
import { FieldChanges } from '../../src/proxy/field-changes.ts'
import type { FieldNames } from '../../src/proxy/http1/field-names.ts'

export class MessageHead extends FieldChanges implements Head {
  readonly #came: readonly (readonly [name: string, value: string])[]
  #sent: (readonly [name: string, value: string])[]

  constructor(fields: readonly (readonly [name: string, value: string])[]) {
    super()
    this.#came = fields
    this.#sent = [...fields]
  }

  get(name: string): string | undefined {
    return joined(this.lines(name), name)
  }

  lines(name: string): readonly string[] {
    return linesIn(this.#came, name)
  }

  has(name: string): boolean {
    return this.#came.some(([field]) => field === name)
  }

  sent(name: string): string | undefined {
    return joined(this.sentLines(name), name)
  }

  sentLines(name: string): readonly string[] {
    return linesIn(this.#sent, name)
  }

  repeatedNames(): readonly string[] {
    const names = this.#came.map(([name]) => name)
    return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
  }

  lowerCaseNames(): void {
    this.#sent = this.#sent.map(([name, value]) => [name.toLowerCase(), value] as const)
  }

  remove(name: string): void {
    this.#sent = this.#sent.filter(([field]) => field !== name)
  }

  removeSpellings({ names }: FieldNames): void {
    this.#sent = this.#sent.filter(([field]) => !names.includes(field.replaceAll(/[_.]/g, '-')))
  }

  removeLines(name: string, test: (value: string) => boolean): void {
    this.#sent = this.#sent.filter(([field, value]) => field !== name || !test(value))
  }

  append(name: string, value: string): void {
    this.#sent.push([name, value])
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.append(name, value)
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return this.#came
  }
}

function linesIn(fields: readonly (readonly [string, string])[], name: string): readonly string[] {
  return fields.filter(([field]) => field === name).map(([, value]) => value)
}

function joined(lines: readonly string[], name: string): string | undefined {
  return lines.length === 0 ? undefined : lines.join(name === 'cookie' ? '; ' : ', ')
}
