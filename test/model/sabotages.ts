// One sentence of docs/affinity.md switched off at a time, in the source itself: the model has to notice each. A sentence whose
// code is not found any more is a failure too, so that this table stays true.

export interface Sabotage {
  /** Section, and the sentence that no longer holds. */
  readonly sentence: string
  /** Below src. */
  readonly file: string
  readonly code: string
  readonly instead: string
}

const decide = 'rules/decide.ts'
const pinCookie = 'affinity/pin-cookie.ts'
const pinPolicy = 'affinity/pin-policy.ts'
const proxied = 'proxy/proxied-request.ts'

export const sabotages: readonly Sabotage[] = [
  {
    sentence: 'step 2: x-version of a client never enters',
    file: proxied,
    code: 'head.removeSpellings(this.#visit === undefined ? release.versionNames : release.allVersionNames)',
    instead: '',
  },
  {
    sentence: 'step 2: a backend cannot write the pin',
    file: proxied,
    code: '(line) => setsCookie(line, cookie) || (previews !== undefined && setsCookie(line, previews.cookie))',
    instead: '() => false',
  },
  {
    sentence: 'step 2: backends do not see the pin',
    file: proxied,
    code: 'else this.#cookies.stripOwn(head, this.#visit!.preview !== undefined)',
    instead: '',
  },
  {
    sentence: 'step 3: a form posts to the version of its page',
    file: 'affinity/page-kind.ts',
    code: "(method !== 'GET' && method !== 'HEAD') ||",
    instead: '',
  },
  {
    sentence: 'step 3: a prefetch is no page load',
    file: 'affinity/page-kind.ts',
    code: 'if (isPrefetch(request)) return',
    instead: 'if (isUpgrade(request)) return',
  },
  {
    sentence: 'step 3: a frame belongs to the page of its own host',
    file: 'affinity/page-frame.ts',
    code: "if (site === 'same-origin') return true",
    instead: '',
  },
  {
    sentence: 'step 3: and does so after another site redirected it',
    file: 'affinity/page-frame.ts',
    code: "loader === bareHost(request.get('host') ?? '')",
    instead: 'false',
  },
  {
    sentence: 'step 3: a frame moves no pin that holds, which an open page may have',
    file: 'affinity/page-frame.ts',
    code: 'return holdsPin &&',
    instead: 'return false &&',
  },
  {
    sentence: 'step 3: a frame is a visit where no page around it can have its pin',
    file: 'affinity/page-frame.ts',
    code: '&& !isAmongStrangers(request)',
    instead: '',
  },
  {
    sentence: 'step 3: a frame is a visit when its version is gone',
    file: 'proxy/handle-request.ts',
    code: "reading.state === 'held' &&",
    instead: "reading.state !== 'none' &&",
  },
  {
    sentence: 'step 4: a signature that fails is no pin',
    file: pinCookie,
    code: 'key === undefined || !isSame(',
    instead: 'key === undefined || false && !isSame(',
  },
  {
    sentence: 'step 4: the signature is over the release name',
    file: pinCookie,
    code: '`graylane pin\\n${release}\\n${fields}`',
    instead: '`graylane pin\\n${fields}`',
  },
  {
    sentence: 'step 4: two genuine pins that differ count as none',
    file: pinCookie,
    code: '} else return twoPins',
    instead: '}',
  },
  {
    sentence: 'step 4: an old epoch is a stale pin',
    file: pinCookie,
    code: 'pin.epoch < release.pin.epoch ||',
    instead: '',
  },
  {
    sentence: 'step 5: a pin of any age holds for what belongs to a page, whatever the rules say',
    file: decide,
    code: "if (reading.state === 'none') return decideUnpinned(release, facts, visit, trace)",
    instead: 'return decideDocument(release, facts, visit, bindingPin(release, visit), trace)',
  },
  {
    sentence: 'step 5: draining versions serve their open pages',
    file: decide,
    code: 'if (!release.spec.versions.has(version)) return',
    instead: 'if (!release.spec.versions.has(version) || release.spec.draining.has(version)) return',
  },
  {
    sentence: 'step 5: the version that a page names comes first',
    file: decide,
    code: 'if (pageCounts && pin.history.includes(pageVersion))',
    instead: 'if (pageCounts && false)',
  },
  {
    sentence: 'step 5: a page version that the browser was not given is not believed',
    file: decide,
    code: 'if (pageCounts && pin.history.includes(pageVersion))',
    instead: 'if (pageCounts)',
  },
  {
    sentence: 'step 5: pages that name what the pin does not hold are told to reload, though the pin is new',
    file: decide,
    code: "reading.state === 'held' && pageVersion === undefined",
    instead: "reading.state === 'held'",
  },
  {
    sentence: 'step 5: without a pin, pages that name another version than is decided are told to reload',
    file: decide,
    code: 'return crosses ? reload(release, visit) : decision',
    instead: 'return decision',
  },
  {
    sentence: 'step 5: a page is loaded ahead only as what its visit would be',
    file: decide,
    code: "if (page.action !== 'serve' || stays) return page",
    instead: 'return decideSubresource(release, facts, visit, trace)',
  },
  {
    sentence: 'step 5: a stale pin is told to reload',
    file: 'proxy/handle-request.ts',
    code: "if (service?.spec.onStale !== 'stable') return decision",
    instead: '',
  },
  {
    sentence: 'step 6: gray rules from top to bottom',
    file: decide,
    code: 'if (explicit !== undefined && explicit.index < share.index) break',
    instead: '',
  },
  {
    sentence: 'step 6: an explicit rule wins over a pin',
    file: decide,
    code: "if (bound !== undefined && release.spec.pin.repin === 'keep')",
    instead: 'if (bound !== undefined)',
  },
  {
    sentence: 'step 6: repin: keep decides only the unpinned',
    file: decide,
    code: "if (bound !== undefined && release.spec.pin.repin === 'keep')",
    instead: 'if (false && bound !== undefined)',
  },
  {
    sentence: 'step 6: a share moves only those on stable or unpinned',
    file: decide,
    code: 'if (mayHave && draw(',
    instead: 'if (draw(',
  },
  {
    sentence: 'step 6: a share keeps those whom it gave its version',
    file: decide,
    code: '|| bound.version === share.version',
    instead: '',
  },
  {
    sentence: 'step 6: no hit keeps the pin',
    file: decide,
    code: "if (bound !== undefined) return onHealthy(release, bound.version, 'pin', undefined, visit)",
    instead: '',
  },
  {
    sentence: 'step 6: only a pin younger than ttl binds a document',
    file: decide,
    code: 'return isYoung && versions',
    instead: 'return versions',
  },
  {
    sentence: 'step 6: a pin of a draining version binds no document',
    file: decide,
    code: '&& !draining.has(pin.version) ? pin',
    instead: '? pin',
  },
  {
    sentence: 'step 6: the seed stays: a login flips nobody',
    file: pinPolicy,
    code: "if (reading.state !== 'none') return reading.pin.seed",
    instead: '',
  },
  {
    sentence: 'step 7: a document of an unavailable version goes to stable',
    file: decide,
    code: 'if (version === stable || visit.available(version)) return serve',
    instead: 'if (true) return serve',
  },
  {
    sentence: 'step 7: a subresource never falls back',
    file: decide,
    code: ": { action: 'unavailable', version, reason: 'unavailable', rule: undefined }\n}\n\n// --- documents",
    instead: ": serve(stableFor(release, visit), 'fallback')\n}\n\n// --- documents",
  },
  {
    sentence: 'step 7: onUnavailable: fail tells testers',
    file: decide,
    code: "return rule?.onUnavailable === 'fail'",
    instead: 'return false',
  },
  {
    sentence: "step 8: the decided version's pool answers",
    file: 'proxy/handle-request.ts',
    code: 'service.pools.get(proxied.version)',
    instead: 'service.pools.get(edgeRelease.release.stable)',
  },
  {
    sentence: 'step 8: a version without a pool of its own is served by its base',
    file: 'rules/version-pools.ts',
    code: 'next = listed.base ?? spec.stable',
    instead: 'next = spec.stable',
  },
  {
    sentence: 'step 9: the upstream is told the decided version',
    file: proxied,
    code: 'head.appendLine(this.#lines().asserted)',
    instead: 'head.appendLine(release.linesOf.get(release.release.stable)!.asserted)',
  },
  {
    sentence: 'step 9: a document writes the pin when the version changed',
    file: pinPolicy,
    code: '|| reading.pin.version !== decision.version',
    instead: '',
  },
  {
    sentence: 'step 9: a pin that nothing gives any more is not renewed',
    file: pinPolicy,
    code: 'ttlSeconds / 8 && isStillGiven(decision, release)',
    instead: 'ttlSeconds / 8',
  },
  {
    sentence: 'step 9: a pin that is still given is renewed',
    file: pinPolicy,
    code: 'ttlSeconds / 8 && isStillGiven(decision, release)',
    instead: 'ttlSeconds / 8 && false',
  },
  {
    sentence: 'step 9: a subresource of a browser writes no pin',
    file: pinPolicy,
    code: '!hasFetchMetadata(request) &&',
    instead: '',
  },
  {
    sentence: 'step 9: what is shown as a page is given a pin, if it came without one',
    file: pinPolicy,
    code: 'isShownAsPage(answer) || isAnswerToClient(answer)',
    instead: 'isAnswerToClient(answer)',
  },
  {
    sentence: 'step 9: the page that answers the form of an older tab takes the pin back',
    file: pinPolicy,
    code: "if (reading.state !== 'none') return isPageOfOldTab(answer, reading.pin)",
    instead: "if (reading.state !== 'none') return false",
  },
  {
    sentence: 'step 9: a file that is saved moves no pin',
    file: pinPolicy,
    code: '&& !leavesPageOpen(status, head)',
    instead: '',
  },
  {
    sentence: 'step 9: nor does a redirect, which may lead to one',
    file: pinPolicy,
    code: '&& !canWait(answer)',
    instead: '',
  },
  {
    sentence: 'step 9: whoever leaves a version forgets what was loaded ahead of it',
    file: proxied,
    code: "if (this.#cookies?.secure === true) head.append('clear-site-data', loadedAhead)",
    instead: '',
  },
  {
    sentence: 'step 4: history holds the last three versions',
    file: pinPolicy,
    code: 'history: history.slice(0, historyLength)',
    instead: 'history: history.slice(0, 1)',
  },
  {
    sentence: 'step 11: what an older epoch promised is void',
    file: pinPolicy,
    code: 'old === undefined || old.epoch < epoch ? [] : old.history',
    instead: 'old?.history ?? []',
  },
  {
    sentence: 'step 11: draining versions draw nobody by a share',
    file: 'rules/compile.ts',
    code: 'gray.filter((rule) => !spec.draining.has(rule.version))',
    instead: 'gray',
  },
  {
    sentence: 'step 11: draining versions draw nobody by an explicit rule',
    file: 'rules/compile.ts',
    code: 'if (!spec.draining.has(rule.version)) explicit.push',
    instead: 'if (true) explicit.push',
  },
  {
    sentence: 'step 11: a version that is new draws nobody',
    file: decide,
    code: 'return settling !== undefined && nowSeconds <',
    instead: 'return false && nowSeconds <',
  },
  {
    sentence: 'step 11: a version that is new does not become stable before its time',
    file: decide,
    code: 'return before !== undefined && settles(visit, release.stable) ? before : release.stable',
    instead: 'return release.stable',
  },
  {
    sentence: 'step 11: a version that is known does not settle again',
    file: 'learned-versions.ts',
    code: 'before?.since.get(version) ?? learnedAt',
    instead: 'learnedAt',
  },
]
