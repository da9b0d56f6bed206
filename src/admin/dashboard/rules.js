// The gray rules in their order, with what they ask and how often each hit.

import { conditionText } from './conditions.js'
import { h, replace } from './element.js'
import { count } from './format.js'
import { word } from './words.js'

export function showRules(place, release, traffic) {
  if (release.rules.length === 0) {
    return replace(place, h('li', { class: 'empty' }, word('noRules', release.stable)))
  }
  const hueOf = (version) =>
    Math.max(
      0,
      release.versions.findIndex(({ name }) => name === version),
    ) % 6
  replace(
    place,
    release.rules.map((rule, index) => {
      const hits = traffic.rules.find((one) => one.rule === rule.label && one.release === release.name)
      return h(
        'li',
        { class: 'rule', title: rule.place },
        h('span', { class: 'order' }, String(index + 1)),
        h('span', { class: 'what' }, rule.label, h('span', { class: `chip hue-${hueOf(rule.version)}` }, rule.version)),
        h(
          'span',
          { class: 'hits' },
          `${count(hits?.hits ?? 0)} ${word('hits')}`,
          h('small', {}, word('sinceStart', count(hits?.total ?? 0))),
        ),
        h('span', { class: 'detail' }, conditionText(rule.condition)),
      )
    }),
    h(
      'li',
      { class: 'rule' },
      h('span', { class: 'order' }, '·'),
      h(
        'span',
        { class: 'what' },
        word('everyoneElse'),
        h('span', { class: `chip hue-${hueOf(release.stable)}` }, release.stable),
      ),
    ),
  )
}
