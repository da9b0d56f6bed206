// Changes of several fields, or of lines that stand ready, made of those of one field: for heads that are no bytes. The engine's own does
// each of them in its own, cheaper way (http1/head.ts).

import type { FieldBlock, FieldLine } from './field-line.ts'
import type { FieldNames } from './http1/field-names.ts'

export abstract class FieldChanges {
  abstract remove(name: string): void
  abstract append(name: string, value: string): void
  abstract set(name: string, value: string): void

  removeAll({ names }: FieldNames): void {
    for (const name of names) this.remove(name)
  }

  appendLine({ name, value }: FieldLine): void {
    this.append(name, value)
  }

  appendBlock({ lines }: FieldBlock): void {
    for (const line of lines) this.appendLine(line)
  }

  setLine({ name, value }: FieldLine): void {
    this.set(name, value)
  }
}
