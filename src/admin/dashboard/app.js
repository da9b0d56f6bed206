// The page: follows the gateway's stream and hands what comes to its parts. Everything that is shown comes from /traffic.

import { h, replace, setText, toast } from './element.js'
import { Decisions } from './decisions.js'
import { Explain } from './explain.js'
import { count, duration, percent, rate } from './format.js'
import { Graph } from './graph.js'
import { problemText, refusalText } from './problem-sentences.js'
import { showReloads } from './reloads.js'
import { showRules } from './rules.js'
import { seenReleases } from './seen-releases.js'
import { follow, keepToken, post } from './stream.js'
import { VerbDialog } from './verbs.js'
import { Versions } from './versions.js'
import { chooseLanguage, otherLanguage, otherLanguageName, preferredLanguage, word } from './words.js'

const byId = (id) => document.getElementById(id)
const windows = [10, 60, 300]
const themes = ['auto', 'light', 'dark']

const graph = new Graph(byId('graph'))
const verbDialog = new VerbDialog(byId('verb-dialog'))
const versions = new Versions(byId('versions'), (version, verb) => verbDialog.open(version, verb))
chooseLanguage(preferredLanguage(localStorage.getItem('graylane-language')))
const decisions = new Decisions(byId('decisions'), byId('decision-filters'))
const explain = new Explain(byId('explain'))

let state
let traffic
let releaseName
let shownRelease
let windowSeconds = windows.includes(Number(localStorage.getItem('graylane-window')))
  ? Number(localStorage.getItem('graylane-window'))
  : 60
let isLost = false
let stop

// --- what comes --------------------------------------------------------------------------------------------------------------------

function start() {
  stop?.()
  decisions.clear()
  stop = follow(windowSeconds, {
    hear(name, data) {
      isLost = false
      if (name === 'state') state = data
      if (name === 'traffic') traffic = data
      if (name === 'decisions') decisions.add(data)
      if (name === 'state') showState()
      if (name !== 'decisions' && state !== undefined && traffic !== undefined) showTraffic()
    },
    onLost() {
      isLost = true
      decisions.clear()
      showStanding()
    },
    onToken: askForToken,
  })
}

function releases() {
  if (state.releases.length > 0 || traffic === undefined) return state.releases
  return seenReleases(traffic)
}

function release() {
  const all = releases()
  return all.find(({ name }) => name === releaseName) ?? all[0]
}

function showState() {
  showStanding()
  showReloads(byId('reloads'), state.reloads)
  showReloadButton()
  setText(byId('foot'), word('foot', state.build, state.node.replace(/^v/, ''), state.file))
  const chosen = release()
  shownRelease = chosen?.name
  explain.show(chosen, state.listeners)
  if (chosen === undefined) return
  const hasReleases = releases().length > 1
  decisions.show(chosen)
  verbDialog.show(chosen, hasReleases)
  const select = h(
    'select',
    { 'aria-label': word('release'), onchange: (event) => chooseRelease(event.target.value) },
    releases().map(({ name }) => h('option', { value: name }, name)),
  )
  select.value = chosen.name
  replace(byId('release-choice'), hasReleases ? select : h('span', { class: 'chip' }, chosen.name))
}

function chooseRelease(name) {
  releaseName = name
  showState()
  showTraffic()
}

function showTraffic() {
  showFigures()
  const chosen = release()
  if (chosen === undefined) {
    graph.showNothing()
    versions.showNothing()
    return replace(byId('rules'))
  }
  if (chosen.name !== shownRelease) showState()
  graph.show({ release: chosen, traffic, out: state.endpointsOut })
  versions.show(chosen, traffic)
  showRules(byId('rules'), chosen, traffic)
}

function showStanding() {
  const place = byId('standing')
  // What is shown below is how it was: nothing moves there any more.
  document.body.classList.toggle('lost', isLost)
  if (isLost) {
    place.dataset.tone = 'bad'
    return replace(place, h('span', { class: 'dot' }), word('lost'))
  }
  const isRefused = state.reloads[0]?.ok === false
  place.dataset.tone = state.state === 'ready' && !isRefused ? 'good' : 'bad'
  const serving = state.workers.filter(({ ready }) => ready).length
  replace(
    place,
    h('span', { class: 'dot' }),
    h('span', {}, word(state.state)),
    h('span', {}, word('configuration', state.snapshot)),
    state.workers.length > 0 ? h('span', {}, word('workersServe', serving, state.workers.length)) : null,
    isRefused ? h('span', { class: 'tag bad' }, word('refusedNow')) : null,
  )
}

// --- figures -----------------------------------------------------------------------------------------------------------------------

let figureCells

function buildFigures() {
  const coverage = h('span')
  const headline = h('b', {}, word('crossings'))
  const crossings = h('p', { class: 'value', id: 'crossings' })
  figureCells = {
    rate: figure('requestRate', word('perSecond')),
    errors: figure('errors'),
    p50: figure('p50'),
    p99: figure('p99'),
    sockets: figure('sockets'),
    coupling: {
      element: h('div', { class: 'figure coupling' }, crossings, h('p', { class: 'name' }, headline, coverage)),
      crossings,
      coverage,
    },
  }
  replace(
    byId('figures'),
    byId('figures').firstElementChild,
    Object.values(figureCells).map(({ element }) => element),
  )
}

function figure(label, unit = '') {
  const value = h('span')
  const unitText = unit === '' ? null : h('span', { class: 'unit' }, unit)
  const element = h(
    'div',
    { class: 'figure' },
    h('p', { class: 'name' }, word(label)),
    h('p', { class: 'value' }, value, unitText),
  )
  return { element, value }
}

function showFigures() {
  const { edge, coupling } = traffic
  setText(figureCells.rate.value, rate(edge.rate))
  setText(figureCells.errors.value, percent(edge.errors))
  figureCells.errors.element.dataset.tone = edge.errors > 0 ? 'bad' : ''
  setText(figureCells.p50.value, duration(edge.p50))
  setText(figureCells.p99.value, duration(edge.p99))
  setText(figureCells.sockets.value, count(traffic.versions.reduce((sum, version) => sum + version.sockets, 0)))
  const { element, crossings, coverage } = figureCells.coupling
  element.dataset.tone = coupling.crossings > 0 ? 'bad' : coupling.named > 0 ? 'good' : 'none'
  setText(crossings, count(coupling.crossings))
  const pairs = coupling.pairs.map(({ service, asked, served }) => word('crossedPair', service, asked, served))
  const covered =
    coupling.named === 0 ? word('coverageNone') : word('coverage', count(coupling.named), count(coupling.answered))
  setText(coverage, [...pairs.slice(0, 2), covered].join(' · '))
}

// --- what people choose --------------------------------------------------------------------------------------------------------------

function buildChoices() {
  const choice = byId('window-choice')
  replace(
    choice,
    choice.firstElementChild,
    windows.map((seconds) =>
      h(
        'label',
        {},
        h('input', {
          type: 'radio',
          name: 'window',
          value: String(seconds),
          checked: seconds === windowSeconds,
          onchange: () => {
            windowSeconds = seconds
            localStorage.setItem('graylane-window', String(seconds))
            start()
          },
        }),
        h('span', {}, windowText(seconds)),
      ),
    ),
  )
  replace(byId('legend'), legend('lent', word('legendLent')), legend('crossing', word('legendCrossing')))
  setText(byId('language'), otherLanguageName())
  byId('language').lang = otherLanguage() === 'zh' ? 'zh-CN' : 'en'
  showTheme()
}

function windowText(seconds) {
  return seconds < 60 ? word('seconds', seconds) : word('minutes', seconds / 60)
}

function legend(kind, text) {
  return h('li', {}, h('span', { class: `stroke ${kind}` }), text)
}

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? 'auto'
  setText(byId('theme'), word('theme', word(`theme${theme[0].toUpperCase()}${theme.slice(1)}`)))
}

function chooseTheme(theme) {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
  localStorage.setItem('graylane-theme', theme)
}

byId('theme').addEventListener('click', () => {
  const now = document.documentElement.dataset.theme ?? 'auto'
  chooseTheme(themes[(themes.indexOf(now) + 1) % themes.length])
  showTheme()
})

byId('language').addEventListener('click', () => {
  const name = otherLanguage()
  localStorage.setItem('graylane-language', name)
  chooseLanguage(name)
  buildAll()
})

function showReloadButton() {
  const head = byId('reloads-heading').parentElement
  head.querySelector('button')?.remove()
  head.append(h('button', { type: 'button', onclick: () => void reloadNow() }, word('reloadNow')))
}

async function reloadNow() {
  const { body } = await post('/reload').catch((error) => ({ body: { ok: false, problems: [error] } }))
  if (!body.ok)
    return toast(
      word(
        'reloadRefused',
        body.problems?.map(({ message }) => problemText(message)).join('; ') ?? refusalText(body.title),
      ),
    )
  toast(body.changed ? word('reloadDone', body.snapshot) : word('reloadSame'))
}

/** @param wasRefused whether there was a token, and the gateway does not take it */
function askForToken(wasRefused) {
  const dialog = byId('token-dialog')
  const { promise, resolve } = Promise.withResolvers()
  const input = h('input', { type: 'password', autocomplete: 'off', required: true })
  replace(
    dialog,
    h(
      'form',
      {
        method: 'dialog',
        onsubmit: () => {
          keepToken(input.value.trim())
          resolve()
        },
      },
      h(
        'div',
        { class: 'dialog-body' },
        h('h2', { id: 'token-title' }, word('tokenTitle')),
        wasRefused ? h('p', { class: 'refusal', role: 'alert' }, word('tokenRefused')) : null,
        h('p', { class: 'soft' }, word('tokenHint')),
        h('label', {}, word('token'), input),
      ),
      h('div', { class: 'dialog-foot' }, h('button', { class: 'primary', value: 'entered' }, word('enter'))),
    ),
  )
  dialog.returnValue = ''
  if (!dialog.open) dialog.showModal()
  return promise
}

function buildAll() {
  buildChoices()
  buildFigures()
  decisions.redraw()
  explain.redraw()
  graph.redraw()
  if (state === undefined) return
  showState()
  if (traffic !== undefined) showTraffic()
}

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || /^(?:INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return
  event.preventDefault()
  byId('decision-filters').querySelector('input').focus()
})

// There is nothing behind it to go back to, and a second Escape closes a dialog whatever `cancel` is told.
byId('token-dialog').addEventListener('cancel', (event) => event.preventDefault())
byId('token-dialog').addEventListener('close', ({ target }) => {
  if (target.returnValue !== 'entered') target.showModal()
})

chooseTheme(localStorage.getItem('graylane-theme') ?? 'auto')
buildAll()
start()
