// The reloads with what they changed and what was wrong: unified diffs and problems, which the verbs show too.

import { h, replace } from './element.js'
import { dateAndClock } from './format.js'
import { problemText } from './problem-sentences.js'
import { language, word } from './words.js'

export function showReloads(place, reloads) {
  replace(
    place,
    reloads.map((reload, index) => {
      const { at, ok, changed, snapshot, problems, patch } = reload
      const isStart = index === reloads.length - 1 && patch === '' && ok
      const line = [
        h('time', { datetime: new Date(at).toISOString() }, dateAndClock(at, language())),
        h(
          'span',
          { class: ok ? 'outcome-good' : 'outcome-bad' },
          word(isStart ? 'started' : ok ? 'tookEffect' : 'refused'),
        ),
        h('code', {}, snapshot),
        patch === '' ? null : changeCount(patch),
        ok && patch === '' && !isStart
          ? h('span', { class: 'soft' }, word(changed ? 'otherFiles' : 'filesAgain'))
          : null,
      ]
      if (patch === '' && problems.length === 0)
        return h('div', { class: 'reload' }, h('div', { class: 'reload-line' }, line))
      return h(
        'details',
        { class: 'reload', open: !ok && index === 0 },
        h('summary', {}, line),
        problems.length === 0 ? null : problemLines(problems, ok),
        patch === '' ? null : patchLines(patch),
      )
    }),
  )
}

function changeCount(patch) {
  const lines = patch.split('\n').slice(2)
  const added = lines.filter((line) => line.startsWith('+')).length
  const removed = lines.filter((line) => line.startsWith('-')).length
  return h('span', { class: 'soft mono' }, `+${added} −${removed}`)
}

export function problemLines(problems, areWarnings) {
  return h(
    'ul',
    { class: areWarnings ? 'problems warnings' : 'problems' },
    problems.map((text) => h('li', {}, problemText(text))),
  )
}

/** A unified diff, without the lines that name the file. */
export function patchLines(patch) {
  const lines = patch.split('\n').filter((line) => line !== '' && !/^(?:---|\+\+\+) /.test(line))
  const kinds = { '+': 'added', '-': 'removed', '@': 'place', '\\': 'place' }
  return h(
    'div',
    { class: 'patch', tabindex: '0', role: 'region', 'aria-label': 'diff' },
    lines.map((line) => h('span', { class: kinds[line[0]] }, line)),
  )
}
