// The explain form: one imagined request, and the chain of reasons of the very function that decides real ones.

import { h, replace } from './element.js'
import { post } from './stream.js'
import { word } from './words.js'

export class Explain {
  #place
  #release
  #values = { ip: '192.168.0.58', url: '/', method: 'GET', cookies: '', headers: '', page: true }
  #answer

  constructor(place) {
    this.#place = place
    this.redraw()
  }

  show(release) {
    this.#release = release
  }

  redraw() {
    const values = this.#values
    const keep = (name) => (event) => {
      values[name] = event.target.type === 'checkbox' ? event.target.checked : event.target.value
    }
    const input = (name, more = {}) =>
      h('input', { name, value: values[name], oninput: keep(name), autocomplete: 'off', spellcheck: 'false', ...more })
    const methods = h(
      'select',
      { name: 'method', onchange: keep('method') },
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'].map((name) => h('option', {}, name)),
    )
    methods.value = values.method
    const result = h('div', { 'aria-live': 'polite' })
    const form = h(
      'form',
      {
        class: 'explain-form',
        onsubmit: (event) => {
          event.preventDefault()
          void this.#ask(result)
        },
      },
      field('address', input('ip', { required: true })),
      field('method', methods),
      h('label', { class: 'wide' }, word('url'), input('url', { required: true })),
      h('label', { class: 'wide' }, word('cookies'), input('cookies', { placeholder: 'user=jason' })),
      field(
        'headers',
        h('textarea', {
          name: 'headers',
          rows: 2,
          placeholder: 'x-user: jason',
          value: values.headers,
          oninput: keep('headers'),
          spellcheck: 'false',
        }),
      ),
      h(
        'label',
        { class: 'check wide' },
        h('input', { type: 'checkbox', name: 'page', checked: values.page, onchange: keep('page') }),
        word('pageLoad'),
      ),
      h('div', { class: 'wide' }, h('button', { class: 'primary', type: 'submit' }, word('ask'))),
    )
    replace(this.#place, form, result)
    this.#draw(result)
  }

  async #ask(result) {
    const { ip, url, method, cookies, headers, page } = this.#values
    const fields = {}
    if (page) fields['accept'] = 'text/html'
    if (cookies.trim() !== '') fields['cookie'] = cookies.trim()
    for (const line of headers.split('\n')) {
      const at = line.indexOf(':')
      if (at > 0) fields[line.slice(0, at).trim()] = line.slice(at + 1).trim()
    }
    try {
      this.#answer = await post('/explain', { ip: ip.trim(), url: url.trim(), method, headers: fields })
    } catch (error) {
      this.#answer = { status: 0, body: { title: error.message } }
    }
    this.#draw(result)
  }

  #draw(result) {
    const answer = this.#answer
    if (answer === undefined) return replace(result)
    const { body, status } = answer
    if (status !== 200)
      return replace(result, h('div', { class: 'explained' }, h('p', { class: 'refusal' }, word('failed', body.title))))
    const hue = Math.max(0, this.#release?.versions.findIndex(({ name }) => name === body.version) ?? 0) % 6
    const rule = body.rule === '' ? '' : word('ofRule', body.rule)
    const reason = body.reason === 'rule' ? rule : [body.reason, rule].filter(Boolean).join(', ')
    const where =
      body.forwards === undefined
        ? word('answersItself', `${body.status ?? ''} ${body.edgeCode}`.trim())
        : word('goesTo', body.service, body.poolVersion)
    replace(
      result,
      h(
        'div',
        { class: 'explained' },
        h(
          'p',
          { class: 'verdict' },
          h('span', { class: `chip hue-${hue}` }, body.version === '' ? word('noVersion') : body.version),
          h('span', {}, where),
          reason === '' ? null : h('span', { class: 'soft' }, word('because', reason)),
          body.setsPin ? h('span', { class: 'tag' }, word('setsPin')) : null,
        ),
        h(
          'ol',
          { class: 'steps' },
          body.steps.map(({ step, outcome }) =>
            h(
              'li',
              {},
              h('span', { class: 'step' }, withoutFolder(step)),
              h('span', { class: 'outcome' }, withoutFolder(outcome)),
            ),
          ),
        ),
      ),
    )
  }
}

function field(label, element) {
  return h('label', { class: element.tagName === 'TEXTAREA' ? 'wide' : null }, word(label), element)
}

/** `/etc/graylane/routes.yaml:17` is routes.yaml:17 to people. */
function withoutFolder(text) {
  return text.replaceAll(/[^\s(]*\/(?=[^\s/]+:\d)/g, '')
}
