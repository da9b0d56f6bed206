// What a rule asks, in the reader's language. The parts are those of src/admin/rule-condition.ts.

import { share } from './format.js'
import { word } from './words.js'

export function conditionText(condition) {
  if (condition.kind === 'share') return `${share(condition.share)} %`
  if (condition.kind === 'users') return listed(condition)
  return condition.anyOf.map(partsText).join(word('conditionOr'))
}

function partsText(parts) {
  return parts.length === 0 ? word('everybody') : parts.map(partText).join(word('conditionAnd'))
}

function partText(part) {
  const what = word(`part${capital(part.of)}`, part.name)
  const isOne = part.values.length === 1 && part.more === 0 && !part.values[0].includes('/')
  const is = part.is === 'in' && isOne ? 'exact' : part.is
  const text = word(`condition${capital(is)}`, what, listed(part))
  return part.of === 'withoutHeaders' ? word('conditionNot', text) : text
}

function listed({ values, more }) {
  const shown = values.join(word('listComma'))
  return more > 0 ? word('listMore', shown, more) : shown
}

function capital(name) {
  return `${name[0].toUpperCase()}${name.slice(1)}`
}
