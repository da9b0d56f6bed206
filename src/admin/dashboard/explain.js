// The explain form: one imagined request, and the chain of reasons of the very function that decides real ones.

import { h, replace } from './element.js'
import { refusalText } from './problem-sentences.js'
import { stepText } from './steps.js'
import { post } from './stream.js'
import { word } from './words.js'

/** Who asks at first: somebody of the story. */
const outsideIp = '192.168.0.58'

export class Explain {
  #place
  #release
  #listeners = []
  /** `listener` by its name; '' is the first edge listener. */
  #values = { listener: '', ip: outsideIp, url: '/', method: 'GET', cookies: '', headers: '', page: true }
  #answer

  constructor(place) {
    this.#place = place
    this.redraw()
  }

  show(release, listeners) {
    const before = this.#outsideUrl()
    const isSame = listeners.map(({ name }) => name).join() === this.#listeners.map(({ name }) => name).join()
    this.#release = release
    this.#listeners = listeners
    const after = this.#outsideUrl()
    // What somebody wrote himself stays.
    if (this.#values.url === before) this.#values.url = after
    if (!isSame || before !== after) this.redraw()
  }

  /** The first page of the release: by a path alone one that has hosts of its own is not reached. */
  #outsideUrl() {
    const host = this.#release?.hosts.find((name) => !name.includes('*'))
    if (host === undefined) return '/'
    return `${this.#listeners.find(({ internal }) => !internal)?.secure ? 'https' : 'http'}://${host}/`
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
    const isInternal = this.#chosenListener()?.internal ?? false
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
      this.#listeners.length > 1 ? this.#listenerChoice() : null,
      field(isInternal ? 'caller' : 'address', input('ip', { required: true })),
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

  #chosenListener() {
    const { listener } = this.#values
    const all = this.#listeners
    return all.find(({ name }) => name === listener) ?? all.find(({ internal }) => !internal) ?? all[0]
  }

  /** Edge listeners first; the values of the other fields stay. */
  #listenerChoice() {
    const listeners = this.#listeners.toSorted((a, b) => Number(a.internal) - Number(b.internal))
    const chosen = this.#chosenListener()
    const select = h(
      'select',
      {
        name: 'listener',
        'aria-describedby': 'listener-hint',
        onchange: (event) => this.#choose(event.target.value),
      },
      listeners.map(({ name, address, port, internal }) =>
        h('option', { value: name }, word(internal ? 'internalListener' : 'edgeListener', hostAndPort(address, port))),
      ),
    )
    select.value = chosen.name
    const hint = chosen.internal ? word('internalHint') : word('edgeHint')
    return [
      h('label', { class: 'wide' }, word('listener'), select),
      h('p', { class: 'hint wide', id: 'listener-hint' }, hint),
    ]
  }

  #choose(listener) {
    const values = this.#values
    values.listener = listener
    // Where services call each other nobody comes from outside, and a path alone leads nowhere.
    if (this.#chosenListener().internal) {
      if (values.ip === outsideIp) values.ip = '127.0.0.1'
      if (values.url === this.#outsideUrl()) values.url = `${location.protocol}//${this.#release?.services[0] ?? ''}/`
    }
    this.redraw()
    this.#place.querySelector('[name=listener]').focus()
  }

  async #ask(result) {
    const { ip, url, method, cookies, headers, page } = this.#values
    const listener = this.#chosenListener()?.name
    const fields = {}
    if (page) fields['accept'] = 'text/html'
    if (cookies.trim() !== '') fields['cookie'] = cookies.trim()
    for (const line of headers.split('\n')) {
      const at = line.indexOf(':')
      if (at > 0) fields[line.slice(0, at).trim()] = line.slice(at + 1).trim()
    }
    try {
      const request = { ip: ip.trim(), url: url.trim(), method, headers: fields }
      this.#answer = await post('/explain', listener === undefined ? request : { ...request, listener })
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
      return replace(
        result,
        h('div', { class: 'explained' }, h('p', { class: 'refusal' }, word('failed', refusalText(body.title)))),
      )
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
          body.reason === '' ? null : h('span', { class: 'soft' }, word(`reason-${body.reason}`)),
          body.setsPin ? h('span', { class: 'tag' }, word('setsPin')) : null,
        ),
        h(
          'ol',
          { class: 'steps' },
          body.steps.map(({ step, outcome }) =>
            h(
              'li',
              {},
              h('span', { class: 'step' }, stepText(withoutFolder(step))),
              h('span', { class: 'outcome' }, stepText(withoutFolder(outcome))),
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

function hostAndPort(address, port) {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** `/etc/graylane/routes.yaml:17` is routes.yaml:17 to people. */
function withoutFolder(text) {
  return text.replaceAll(/[^\s(]*\/(?=[^\s/]+:\d)/g, '')
}
