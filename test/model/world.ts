// Browsers, tabs, two gateways, backends that die, an administrator: one step after the other, each answer held against the promise.

import { decodePin, encodePin } from '../../src/affinity/pin-cookie.ts'
import { createKeyRing } from '../../src/affinity/key-ring.ts'
import { edited } from './administrator.ts'
import { frames, isVisit } from './frames.ts'
import { Gateways } from './gateways.ts'
import { type Answer, key } from './model-gateway.ts'
import { addressOf, allVersions, ownerOf, ownersOf, type Plan, services, whoIs } from './plan.ts'
import { type Due, dueToPage, dueToPart, type Held, heldAfter, isGood, isPinDue, type View } from './promise.ts'
import { below, bytesOf, chance } from './random.ts'

interface Tab {
  readonly version: string
}

/** By which a browser says what it asks for. */
type Marks = readonly (readonly [name: string, value: string])[]

const navigation: Marks = [
  ['accept', 'text/html'],
  ['sec-fetch-mode', 'navigate'],
]
const typedAddress: Marks = [...navigation, ['sec-fetch-dest', 'document'], ['sec-fetch-site', 'none']]
const ownPage: Marks = [...navigation, ['sec-fetch-dest', 'document'], ['sec-fetch-site', 'same-origin']]
const ownCall: Marks = [
  ['accept', '*/*'],
  ['sec-fetch-mode', 'cors'],
  ['sec-fetch-dest', 'empty'],
  ['sec-fetch-site', 'same-origin'],
]

interface Browser {
  readonly ip: string
  user: string | undefined
  cookie: string | undefined
  held: Held | undefined
  /** Newest last. */
  tabs: Tab[]
  /** A page that was loaded ahead, to be shown without a request. */
  ahead: (Tab & { readonly epoch: number | undefined }) | undefined
}

interface WrittenPin {
  readonly value: string
  readonly seed: string
}

/** One step: what is done, and three numbers that say to whom and how. */
export type Step = readonly [kind: number, a: number, b: number, c: number]

const keyRing = createKeyRing([key.secret], () => new Uint8Array())
const longestStepSeconds = 200
const kinds = [
  ['page', 10],
  ['part', 10],
  ['post', 1],
  ['prefetch', 2],
  ['show', 2],
  ['save', 1],
  ['frame', 3],
  ['lie', 2],
  ['toss', 1],
  ['forge', 1],
  ['log in', 2],
  ['close tabs', 1],
  ['wait', 4],
  ['wait long', 1],
  ['edit', 5],
  ['die', 2],
  ['rise', 2],
  ['restart', 1],
] as const
type Kind = (typeof kinds)[number][0]
const bag: readonly Kind[] = kinds.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind))

export function sequence(seed: number, length: number): Step[] {
  const random = chance(seed)
  const number = () => below(1_000_000, random)
  return Array.from({ length }, () => [below(bag.length, random), number(), number(), number()] as const)
}

/** Plays the steps in a world that `seed` makes; undefined, or which promise was broken at which step. */
export async function play(seed: number, steps: readonly Step[]): Promise<string | undefined> {
  const world = await World.make(seed)
  try {
    for (const [index, [kind, a, b, c]] of steps.entries()) {
      await world.take(bag[kind]!, a, b, c)
      if (world.broken !== undefined) return `step ${index + 1}, ${bag[kind]}: ${world.broken}`
    }
    return undefined
  } finally {
    world.close()
  }
}

class World {
  broken: string | undefined
  #nowMs = 1_800_000_000_000
  #gateways!: Gateways
  readonly #browsers: Browser[]
  readonly #dead = new Set<string>()
  readonly #first: Plan
  readonly #around

  private constructor(seed: number) {
    const random = chance(seed ^ 0x5bd1e995)
    this.#around = {
      now: () => this.#nowMs,
      random,
      randomBytes: bytesOf(random),
      isDead: (address: string) => this.#dead.has(address),
      whoIs,
    }
    this.#first = {
      versions: ['v1', 'v2'],
      lean: new Set(),
      stable: 'v1',
      draining: new Set(),
      rules: [{ version: 'v2', on: { ip: '10.0.0.1' }, fails: below(2, random) === 0 }],
      epoch: 1,
      repin: below(4, random) === 0 ? 'keep' : 'widen',
      settle: below(2, random) === 0 ? 60 : 0,
      writtenAt: this.#now - 1000,
    }
    this.#browsers = Array.from({ length: 4 }, (_, index) => ({
      ip: `10.0.0.${index}`,
      user: undefined,
      cookie: undefined,
      held: undefined,
      tabs: [],
      ahead: undefined,
    }))
  }

  static async make(seed: number): Promise<World> {
    const world = new World(seed)
    world.#gateways = await Gateways.start(world.#first, world.#around)
    return world
  }

  close(): void {
    this.#gateways.close()
  }

  get #now(): number {
    return Math.floor(this.#nowMs / 1000)
  }

  async take(kind: Kind, a: number, b: number, c: number): Promise<void> {
    const at = b % 2
    const browser = this.#browsers[a % this.#browsers.length]!
    switch (kind) {
      case 'page':
        return this.#loadPage(browser, at, false)
      case 'part':
        return this.#loadPart(browser, at, 'GET', c, ownCall)
      case 'post':
        return this.#loadPart(browser, at, 'POST', c, ownPage)
      case 'prefetch':
        return this.#loadAhead(browser, at)
      case 'show':
        return this.#showAhead(browser)
      case 'save':
        return this.#save(browser, at, c)
      case 'frame':
        return this.#loadFrame(browser, at, c)
      case 'lie':
        return this.#lie(browser, at, c)
      case 'toss':
        return this.#toss(browser, at, c)
      case 'forge':
        return this.#forge(browser, at, c)
      case 'log in':
        browser.user = [undefined, 'anna', 'bert', 'carl'][c % 4]
        return
      case 'close tabs':
        browser.tabs = []
        return
      case 'wait':
        return this.#wait(1 + (c % longestStepSeconds))
      case 'wait long':
        return this.#wait(300 + (c % 1500))
      case 'edit':
        return this.#edit(a, b, c)
      case 'die':
        this.#dead.add(this.#anAddress(a, c))
        return
      case 'rise':
        this.#dead.delete(this.#anAddress(a, c))
        return
      case 'restart':
        return this.#gateways.restart(at)
    }
  }

  // --- browsers --------------------------------------------------------------------------------------------------------------------

  #loadPage(browser: Browser, at: number, isForged: boolean, marks: Marks = typedAddress): void {
    const answer = this.#ask(browser, at, 'GET', '/', [
      ...marks,
      // Claims of its own, which count for nothing.
      ['x-version', 'v4'],
      ['x_version', 'v4'],
    ])
    const held = isForged ? undefined : browser.held
    const view = this.#gateways.view(at)
    const written = this.#writtenPin(answer)
    if (written === 'broken') return
    const seed = held?.seed ?? written?.seed
    // Who was never given anything may have been drawn for a version that cannot answer: nobody knows.
    if (seed === undefined && answer.status === 503 && this.#isAnythingOut(view)) return
    if (seed === undefined) return this.#break(`a first page (${answer.status}) came without a pin`, answer)
    const due = dueToPage(view, { ...browser, held }, seed)
    this.#compare('a page load', due, answer, view)
    if (due.status !== 200 || answer.status !== 200 || this.broken !== undefined) return
    const isDue = isPinDue(view, held, due.version, due.isStillGiven)
    if (isDue !== (written !== undefined))
      return this.#break(
        `a page of ${due.version} ${isDue ? 'left no' : 'left a needless'} pin behind ${JSON.stringify(held)}`,
        answer,
      )
    if (written !== undefined) this.#hold(browser, view, answer, written, held)
    this.#show(browser, due.version)
  }

  /** A page takes its place in a tab: what it loads without a stamp goes by the pin. */
  #show(browser: Browser, version: string): void {
    browser.tabs = [...browser.tabs.slice(-3), { version }]
    if (browser.held?.version !== version)
      this.broken ??= `a page of ${version} is shown under a pin of ${browser.held?.version}`
  }

  /** Of the version that the pin has and the visit will have; or not at all. */
  #loadAhead(browser: Browser, at: number): void {
    const { held } = browser
    const answer = this.#ask(browser, at, 'GET', '/', [...ownPage, ['sec-purpose', 'prefetch']])
    const view = this.#gateways.view(at)
    const written = this.#writtenPin(answer)
    if ((held === undefined && answer.status === 200) !== (written !== undefined))
      return this.#break('a page loaded ahead and its pin', answer)
    if (written !== undefined) this.#hold(browser, view, answer, written)
    if (held !== undefined) {
      const page = isGood(view.plan, held) ? dueToPage(view, browser, held.seed) : { status: 409 as const }
      const isOther = page.status === 200 && page.version !== held.version
      this.#compare('a page loaded ahead', isOther ? { status: 409 } : page, answer, view)
    }
    if (answer.status === 200) browser.ahead = { version: answer.version!, epoch: browser.held?.epoch }
  }

  #showAhead(browser: Browser): void {
    const { ahead } = browser
    browser.ahead = undefined
    if (ahead === undefined) return
    this.#show(browser, ahead.version)
    if (browser.held?.epoch !== ahead.epoch)
      this.broken ??= `a page of epoch ${ahead.epoch} is shown under a pin of another`
  }

  /** A file that is saved leaves the page open that asked for it, behind a redirect too; unless a rule may have hit the redirect alone. */
  #save(browser: Browser, at: number, c: number): void {
    const isBehindRedirect = c % 2 === 0
    const answer = this.#ask(browser, at, 'GET', isBehindRedirect ? '/away' : '/saved', typedAddress)
    const written = this.#writtenPin(answer)
    if (written === undefined) return
    const { held } = browser
    const view = this.#gateways.view(at)
    const mayMove = held === undefined || view.plan.rules.some(({ on }) => !('share' in on))
    if (!isBehindRedirect || !mayMove) return this.#break('a file that is saved moved the pin', answer)
    this.#hold(browser, view, answer, written, held)
  }

  /** In whatever page: it is a visit only where no open page can lose its pin by it. */
  #loadFrame(browser: Browser, at: number, c: number): void {
    const frame = frames[c % frames.length]!
    const marks = [...navigation, ['sec-fetch-dest', 'iframe'] as const, ...frame.marks]
    if (isVisit(frame, this.#gateways.view(at).plan, browser.held)) return this.#loadPage(browser, at, false, marks)
    this.#askPart(browser, at, 'GET', undefined, 1, marks)
  }

  #loadPart(browser: Browser, at: number, method: string, c: number, marks: Marks): void {
    const tab = browser.tabs[c % Math.max(1, browser.tabs.length)]
    const isStamped = tab !== undefined && c % 3 !== 0
    this.#askPart(browser, at, method, isStamped ? tab.version : undefined, c, marks)
  }

  /** A page that claims to be what it is not. */
  #lie(browser: Browser, at: number, c: number): void {
    this.#askPart(browser, at, 'GET', allVersions[c % allVersions.length]!, c, ownCall)
  }

  #askPart(browser: Browser, at: number, method: string, stamp: string | undefined, c: number, marks: Marks): void {
    const isApi = c % 2 === 0
    const isShown = marks !== ownCall
    // Forms cannot send a header.
    const path = isApi ? '/api/x' : '/logo'
    const answer = this.#ask(
      browser,
      at,
      method,
      isShown && stamp !== undefined ? `${path}?x-page-version=${stamp}` : path,
      [...marks, ...(isShown || stamp === undefined ? [] : [['x-page-version', stamp] as const])],
    )
    const view = this.#gateways.view(at)
    const { held } = browser
    // What is shown as a page goes with a pin: if it came without one, or with that of a newer tab.
    const isPage = isShown && !isApi && answer.status === 200
    const isOlder = marks === ownPage && held !== undefined && held.version !== answer.version
    const written = this.#writtenPin(answer)
    if ((isPage && (held === undefined || isOlder)) !== (written !== undefined))
      return this.#break(`${method} of a part of a page and its pin`, answer)
    if (written !== undefined) this.#hold(browser, view, answer, written, held)
    if (isPage && marks === ownPage) this.#show(browser, answer.version!)
    if (written !== undefined && held === undefined) return
    // Nothing is promised to who holds nothing, but that a page which says what it is gets nothing else.
    if (held === undefined && stamp !== undefined && answer.status === 200 && answer.version !== stamp)
      return this.#break(`${method} of a page ${stamp} without a pin was answered by ${answer.version}`, answer)
    const due = dueToPart(view, { ...browser, held }, stamp)
    if (due !== undefined) this.#compare(`${method} of a page ${stamp ?? 'without stamp'}`, due, answer, view)
  }

  /** A pin of another release beside or instead of its own; a second genuine pin that says something else. */
  #toss(browser: Browser, at: number, c: number): void {
    const own = browser.cookie
    if (own === undefined || browser.held === undefined) return
    const version = allVersions[c % allVersions.length]!
    if (version === browser.held.version) return
    const pin = {
      version,
      epoch: this.#gateways.plan.epoch,
      issuedAt: this.#now,
      seed: browser.held.seed,
      history: [version],
    }
    const isOther = c % 2 === 0
    const tossed = encodePin(isOther ? 'bank' : 'shop', pin, key)
    browser.cookie = `${own}; __Host-graylane=${tossed}`
    const { held } = browser
    // A second one that differs makes both worth nothing; one of another release is worth nothing itself.
    if (!isOther) browser.held = undefined
    const answer = this.#ask(browser, at, 'GET', '/api/x', [
      ['accept', '*/*'],
      ['sec-fetch-mode', 'cors'],
    ])
    const view = this.#gateways.view(at)
    const due = browser.held === undefined ? this.#dueByName(view, browser) : dueToPart(view, browser, undefined)
    if (due !== undefined) this.#compare('a part of a page beside a tossed pin', due, answer, view)
    browser.cookie = own
    browser.held = held
  }

  /** Who holds nothing is drawn by name; without one, or when nobody can say how, by chance. */
  #dueByName(view: View, browser: Browser): Due | undefined {
    const seed = browser.user === undefined ? undefined : this.#seedOf(browser.user)
    return seed === undefined ? undefined : dueToPage(view, { ...browser, held: undefined }, seed)
  }

  /** What a page leaves behind at somebody else of that name. */
  #seedOf(user: string): string | undefined {
    const answer = this.#ask({ ...browserOf(user), cookie: undefined }, 0, 'GET', '/', [
      ['accept', 'text/html'],
      ['sec-fetch-mode', 'navigate'],
    ])
    const written = this.#writtenPin(answer)
    return written === undefined || written === 'broken' ? undefined : written.seed
  }

  /** One sign of the pin is another: it is no pin, and the visitor is decided like one without. */
  #forge(browser: Browser, at: number, c: number): void {
    const own = browser.cookie
    if (own === undefined) return
    const place = 3 + (c % (own.length - 3))
    const sign = own[place] === 'A' ? 'B' : 'A'
    const before = { ...browser }
    browser.cookie = own.slice(0, place) + sign + own.slice(place + 1)
    browser.tabs = []
    browser.ahead = undefined
    this.#loadPage(browser, at, true)
    if (browser.cookie !== own && browser.held === before.held) browser.cookie = own
  }

  #ask(
    browser: Pick<Browser, 'ip' | 'user' | 'cookie'> & Partial<Pick<Browser, 'ahead'>>,
    at: number,
    method: string,
    path: string,
    fields: readonly (readonly [string, string])[],
  ): Answer {
    const pairs = [
      browser.user && `user=${browser.user}`,
      browser.cookie && `__Host-graylane=${browser.cookie}`,
    ].filter(Boolean)
    const cookie = pairs.length === 0 ? [] : [['cookie', pairs.join('; ')] as const]
    const answer = this.#gateways.ask(at, { method, path, ip: browser.ip, fields: [...fields, ...cookie] })
    this.#checkTruth(answer, this.#gateways.view(at).plan)
    if (answer.endsAhead) browser.ahead = undefined
    return answer
  }

  // --- what holds for every answer --------------------------------------------------------------------------------------------------

  /** Whoever answered is of the version that was said, was told that version alone, and saw no pin. */
  #checkTruth(answer: Answer, plan: Plan): void {
    const { by, version } = answer
    if (by === undefined) return
    if (version === undefined || by.version !== ownerOf(plan, by.service, version)) {
      this.#break(`x-version says ${version}, and ${by.service} ${by.version} answered`, answer)
    }
    if (by.told.length !== 1 || by.told[0] !== version)
      this.#break(`the backend was told ${by.told.join()} of ${version}`, answer)
    if (by.cookies.includes('graylane')) this.#break('the backend saw the pin', answer)
    if (answer.setCookies.some((line) => line.includes('of.the.backend'))) this.#break('a backend wrote a pin', answer)
  }

  #compare(what: string, due: Due, answer: Answer, view: View): void {
    const got = answer.status === 200 ? answer.version : answer.status
    const wanted = due.status === 200 ? due.version : due.status
    if (got === wanted) return
    // Its backend refused: until the pool counts as unavailable that is 503 for anybody.
    if (answer.code === 'EDGE_UPSTREAM_REFUSED' && due.status === 200 && this.#isPartlyDead(view.plan, due.version))
      return
    this.#break(`${what} got ${got} in place of ${wanted}`, answer)
  }

  #isAnythingOut({ plan, isAvailable }: View): boolean {
    return this.#dead.size > 0 || !plan.versions.every(isAvailable)
  }

  #isPartlyDead(plan: Plan, version: string): boolean {
    return ownersOf(plan, version).some(([service, owner]) => this.#dead.has(addressOf(service, owner)))
  }

  #hold(browser: Browser, view: View, answer: Answer, written: WrittenPin | 'broken', before?: Held): void {
    if (written === 'broken') return
    if (before !== undefined && written.seed !== before.seed) return this.#break('the seed changed', answer)
    browser.held = heldAfter(view, before, answer.version!, written.seed)
    browser.cookie = written.value
  }

  #writtenPin({ setCookies, ...answer }: Answer): WrittenPin | undefined | 'broken' {
    const [line] = setCookies
    if (line === undefined) return undefined
    const value = line.slice(line.indexOf('=') + 1, line.indexOf(';'))
    const pin = decodePin('shop', value, keyRing)
    if (pin === undefined || pin === 'forged' || pin.version !== answer.version) {
      this.#break(`a page of ${answer.version} came with ${JSON.stringify(pin)}`, { setCookies, ...answer })
      return 'broken'
    }
    return { value, seed: pin.seed }
  }

  #break(what: string, answer: Answer): void {
    this.broken ??= `${what}: ${JSON.stringify({ ...answer, plan: this.#gateways.plan })}`
  }

  // --- time and the rest ------------------------------------------------------------------------------------------------------------

  async #wait(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 1) {
      this.#nowMs += 1000
      await this.#gateways.second()
    }
    const forgotten = this.#gateways.forgotten(seconds)
    if (forgotten !== undefined) this.broken ??= `${forgotten} lives and is out`
  }

  #anAddress(a: number, c: number): string {
    const { versions } = this.#gateways.plan
    return addressOf(services[a % services.length]!, versions[c % versions.length]!)
  }

  async #edit(a: number, b: number, c: number): Promise<void> {
    const plan = edited(this.#gateways.plan, a, b, c)
    if (plan === undefined) return
    await this.#gateways.publish(plan, b % 2, (c >> 3) % 31)
  }
}

function browserOf(user: string): Pick<Browser, 'ip' | 'user'> {
  return { ip: '10.0.9.9', user }
}
