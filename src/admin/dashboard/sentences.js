// Sentences that the gateway says in English, as its command line prints them, put into Chinese by tables: a pattern, and how it is said
// there, {0} for what was said at that place, <0> for the same translated. What no pattern knows stays as it is.

import { language } from './words.js'

export function translated(table, text) {
  return language() === 'zh' ? inChinese(table, text) : text
}

function inChinese(table, text) {
  for (const [pattern, translation] of table) {
    const said = pattern.exec(text)
    if (said === null) continue
    return translation
      .replace(/\{(\d)\}/g, (_, index) => said[Number(index) + 1] ?? '')
      .replace(/<(\d)>/g, (_, index) => inChinese(table, said[Number(index) + 1] ?? ''))
  }
  return text
}
