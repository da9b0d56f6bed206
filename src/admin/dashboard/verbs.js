// The dialog of the release verbs. Every change of a field asks the gateway what would change; Apply writes exactly what was shown, by
// its hash. A file that may not be written is copied from instead.

import { h, replace, toast } from './element.js'
import { problemText, refusalText } from './problem-sentences.js'
import { patchLines, problemLines } from './reloads.js'
import { post } from './stream.js'
import { verbText } from './verb-sentences.js'
import { word } from './words.js'

const verbs = ['share', 'add', 'promote', 'rollback', 'retire']
const typingMs = 250

export class VerbDialog {
  #dialog
  #release
  #hasReleases = false
  #state
  #turn = 0
  #timer

  constructor(dialog) {
    this.#dialog = dialog
  }

  show(release, hasReleases) {
    this.#release = release
    this.#hasReleases = hasReleases
  }

  open(version, verb) {
    this.#state = { version, verb, share: '5%', ip: '', users: '', now: false, to: '' }
    this.#draw()
    this.#dialog.showModal()
    void this.#preview()
  }

  #draw() {
    const { version, verb } = this.#state
    const choices = verbs.map((name) =>
      h(
        'label',
        {},
        h('input', {
          type: 'radio',
          name: 'verb',
          value: name,
          checked: name === verb,
          autofocus: name === verb,
          onchange: () => this.#choose(name),
        }),
        h('span', {}, word(name)),
      ),
    )
    this.fields = h('div', { class: 'dialog-fields' }, this.#fields())
    this.result = h(
      'div',
      { 'aria-live': 'polite', class: 'dialog-result' },
      h('p', { class: 'soft' }, word('looking')),
    )
    this.foot = h('div', { class: 'dialog-foot' })
    replace(
      this.#dialog,
      h(
        'div',
        { class: 'dialog-body' },
        h('h2', { id: 'verb-title' }, word('verbTitle', version)),
        h('fieldset', { class: 'segments verb-choice' }, h('legend', { class: 'unseen' }, word('verb')), choices),
        this.fields,
        this.result,
      ),
      this.foot,
    )
    this.#drawFoot()
  }

  #choose(verb) {
    this.#state.verb = verb
    replace(this.fields, this.#fields())
    void this.#preview()
  }

  #fields() {
    const state = this.#state
    const changed = (name) => (event) => {
      state[name] = event.target.type === 'checkbox' ? event.target.checked : event.target.value
      this.#forgetPlan()
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => void this.#preview(), typingMs)
    }
    const text = (name, label, placeholder) =>
      h(
        'label',
        {},
        word(label),
        h('input', {
          name,
          value: state[name],
          placeholder,
          oninput: changed(name),
          autocomplete: 'off',
          spellcheck: 'false',
        }),
      )
    if (state.verb === 'share') return [text('share', 'sharePercent', '5%')]
    if (state.verb === 'add') return [text('ip', 'ips', '192.168.0.58 10.8.0.0/16'), text('users', 'users', 'jason')]
    if (state.verb === 'rollback') {
      return [
        state.version === this.#release.stable ? this.#backTo(changed('to')) : null,
        h(
          'label',
          { class: 'check' },
          h('input', { type: 'checkbox', name: 'now', checked: state.now, onchange: changed('now') }),
          word('rollbackNow'),
        ),
      ].filter(Boolean)
    }
    return []
  }

  /** Only a stable version has to be told where its visitors go. */
  #backTo(onchange) {
    const others = this.#release.versions.filter(({ name }) => name !== this.#release.stable)
    const choice = h(
      'select',
      { name: 'to', onchange },
      h('option', { value: '' }, word('backToDraining')),
      others.map(({ name }) => h('option', { value: name }, name)),
    )
    choice.value = this.#state.to
    return h('label', {}, word('backTo'), choice)
  }

  #body() {
    const { version, verb, share, ip, users, now, to } = this.#state
    const body = { version, ...(this.#hasReleases ? { release: this.#release.name } : {}) }
    if (verb === 'share') return { ...body, share: /^[\d.]+$/.test(share.trim()) ? `${share.trim()}%` : share.trim() }
    if (verb === 'rollback') return { ...body, ...(now ? { now } : {}), ...(to === '' ? {} : { to }) }
    if (verb !== 'add') return body
    return {
      ...body,
      ...(listOf(ip).length > 0 ? { ip: listOf(ip) } : {}),
      ...(listOf(users).length > 0 ? { users: listOf(users) } : {}),
    }
  }

  async #preview() {
    const turn = ++this.#turn
    this.#forgetPlan()
    const answer = await this.#ask(this.#body())
    // The last one asked for is the one that is shown.
    if (turn !== this.#turn) return
    if (answer.status === 200) this.plan = answer.body
    replace(this.result, this.#resultOf(answer))
    this.#drawFoot()
  }

  /** What is shown is not what would be done any more: nothing to apply until the gateway has said what would. */
  #forgetPlan() {
    if (this.plan === undefined) return
    this.plan = undefined
    this.#drawFoot()
  }

  #resultOf({ status, body }) {
    if (status !== 200) {
      return [
        h('p', { class: 'refusal' }, refusalText(verbText(body.title))),
        body.problems?.length > 0 ? problemLines(body.problems) : null,
      ].filter(Boolean)
    }
    if (body.patch === '') return [h('p', { class: 'soft' }, word('nothingChanges'))]
    return [
      h('h3', { class: 'unseen' }, word('wouldChange')),
      h(
        'ul',
        { class: 'changes' },
        body.changes.map((text) => h('li', {}, verbText(text))),
      ),
      patchLines(body.patch),
      body.problems.length === 0 ? null : problemLines(body.problems, true),
      body.writable ? null : h('p', { class: 'refusal' }, word('readOnly')),
    ].filter(Boolean)
  }

  #drawFoot() {
    const { plan } = this
    const isChange = plan !== undefined && plan.patch !== ''
    replace(
      this.foot,
      h('button', { type: 'button', onclick: () => this.#dialog.close() }, word('cancel')),
      isChange ? h('button', { type: 'button', onclick: () => void this.#copy(plan.patch) }, word('copy')) : null,
      plan?.writable === false
        ? null
        : h(
            'button',
            { type: 'button', class: 'primary', id: 'apply', disabled: !isChange, onclick: () => void this.#apply() },
            word('apply'),
          ),
    )
  }

  async #apply() {
    const { hash } = this.plan
    const turn = ++this.#turn
    // Once: a second press would be told that the file has changed, by the first one.
    this.#forgetPlan()
    const { body, status } = await this.#ask({ ...this.#body(), apply: hash })
    // Where the dialog is about something else by now, it is left alone.
    const isShown = turn === this.#turn
    if (status !== 200) return isShown ? replace(this.result, this.#resultOf({ status, body })) : undefined
    if (isShown) this.#dialog.close()
    const { ok, snapshot, problems } = body.reload
    toast(
      ok
        ? word('applied', snapshot)
        : word('appliedRefused', problems.map(({ message }) => problemText(message)).join('; ')),
    )
  }

  async #copy(patch) {
    try {
      await navigator.clipboard.writeText(patch)
      toast(word('copied'))
    } catch {
      // Only a secure page may write the clipboard: then the patch is selected, to be copied by hand.
      getSelection().selectAllChildren(this.result.querySelector('.patch'))
    }
  }

  async #ask(body) {
    try {
      return await post(`/release/${this.#state.verb}`, body)
    } catch (error) {
      return { status: 0, body: { title: word('failed', refusalText(error.message)) } }
    }
  }
}

function listOf(text) {
  return text.split(/[\s,]+/).filter(Boolean)
}
