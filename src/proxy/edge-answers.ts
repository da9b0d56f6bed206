// Every answer that the edge makes itself: one table of stable EDGE_* codes, each with its status and Envoy's response flag,
// and the body in the form the client asks for. Codes are a contract: they appear in bodies, logs and metrics.

import type { EdgeAnswer, Refusal, UpstreamFailure } from './exchange.ts'

export interface EdgeError {
  readonly code: string
  readonly status: number
  /** Envoy's %RESPONSE_FLAGS%. */
  readonly flag: string
  readonly title: string
  /** Seconds; tells clients and caches that this passes. */
  readonly retryAfter?: number
}

export const edgeErrors = {
  badRequest: { code: 'EDGE_BAD_REQUEST', status: 400, flag: 'DPE', title: 'The request is not valid HTTP' },
  plainHttp: {
    code: 'EDGE_PLAIN_HTTP',
    status: 400,
    flag: 'DPE',
    title: 'Plain HTTP was sent to a port for HTTPS: the address begins with https://',
  },
  badTarget: { code: 'EDGE_BAD_TARGET', status: 400, flag: 'DPE', title: 'The request target is not acceptable' },
  forbidden: {
    code: 'EDGE_FORBIDDEN',
    status: 403,
    flag: 'UAEX',
    title: 'This address may not use the internal listener',
  },
  previewEnded: {
    code: 'EDGE_PREVIEW_ENDED',
    status: 403,
    flag: '-',
    title: 'This preview link has ended, or it is none of ours',
  },
  noRelease: { code: 'EDGE_NO_RELEASE', status: 404, flag: 'NR', title: 'No release answers for this host' },
  noService: {
    code: 'EDGE_NO_SERVICE',
    status: 404,
    flag: 'NR',
    title: 'No service of this version answers for this path',
  },
  methodNotAllowed: { code: 'EDGE_METHOD_NOT_ALLOWED', status: 405, flag: 'DPE', title: 'This method is not served' },
  requestTimeout: {
    code: 'EDGE_REQUEST_TIMEOUT',
    status: 408,
    flag: 'DT',
    title: 'The request did not arrive in time',
  },
  stalePage: { code: 'EDGE_STALE_PAGE', status: 409, flag: '-', title: 'This page belongs to a version that is gone' },
  prefetchRefused: {
    code: 'EDGE_PREFETCH_REFUSED',
    status: 409,
    flag: '-',
    title: 'This page may be of another version when it is visited',
  },
  targetTooLong: { code: 'EDGE_TARGET_TOO_LONG', status: 414, flag: 'DPE', title: 'The request target is too long' },
  expectation: { code: 'EDGE_EXPECTATION_FAILED', status: 417, flag: 'DPE', title: 'This expectation cannot be met' },
  headTooLarge: { code: 'EDGE_HEAD_TOO_LARGE', status: 431, flag: 'DPE', title: 'The request head is too large' },
  passthrough: {
    code: 'EDGE_PASSTHROUGH',
    status: 502,
    flag: 'NR',
    title: 'No service of the mesh has this host, and nothing is passed through to others',
  },
  notImplemented: {
    code: 'EDGE_NOT_IMPLEMENTED',
    status: 501,
    flag: 'DPE',
    title: 'This transfer coding is not known',
  },
  httpVersion: {
    code: 'EDGE_VERSION_NOT_SUPPORTED',
    status: 505,
    flag: 'DPE',
    title: 'Only HTTP/1.0 and HTTP/1.1 are spoken',
  },
  loop: { code: 'EDGE_LOOP', status: 508, flag: 'LR', title: 'The request already passed this gateway' },
  tooManyConnections: {
    code: 'EDGE_TOO_MANY_CONNECTIONS',
    status: 503,
    flag: 'OM',
    title: 'Too many connections',
    retryAfter: 1,
  },
  overloaded: {
    code: 'EDGE_OVERLOADED',
    status: 503,
    flag: 'OM',
    title: 'The gateway has too much to do',
    retryAfter: 2,
  },
  tooManyRequests: {
    code: 'EDGE_TOO_MANY_REQUESTS',
    status: 429,
    flag: 'RL',
    title: 'Too many requests at a time from this address',
    retryAfter: 1,
  },
  versionUnavailable: {
    code: 'EDGE_VERSION_UNAVAILABLE',
    status: 503,
    flag: 'UH',
    title: 'This version cannot answer at the moment',
    retryAfter: 2,
  },
  noCluster: {
    code: 'EDGE_NO_CLUSTER',
    status: 503,
    flag: 'NC',
    title: 'The route leads to a service or subset that is not known',
  },
  noEndpoint: {
    code: 'EDGE_NO_ENDPOINT',
    status: 503,
    flag: 'UH',
    title: 'The service has no address to send this to',
    retryAfter: 2,
  },
  upstreamRefused: {
    code: 'EDGE_UPSTREAM_REFUSED',
    status: 503,
    flag: 'UF',
    title: 'The service refuses connections',
    retryAfter: 2,
  },
  overflow: { code: 'EDGE_OVERFLOW', status: 503, flag: 'UO', title: 'The service is at its limit', retryAfter: 1 },
  upstreamReset: {
    code: 'EDGE_UPSTREAM_RESET',
    status: 502,
    flag: 'UC',
    title: 'The service broke off before it answered',
  },
  upstreamInvalid: {
    code: 'EDGE_UPSTREAM_INVALID',
    status: 502,
    flag: 'UPE',
    title: 'The service did not answer in valid HTTP',
  },
  upstreamTimeout: {
    code: 'EDGE_UPSTREAM_TIMEOUT',
    status: 504,
    flag: 'UT',
    title: 'The service did not answer in time',
  },
} as const satisfies Record<string, EdgeError>

/** What Allow says. */
export const allowedMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

const byRefusal: Record<Refusal, EdgeError> = {
  'bad-request': edgeErrors.badRequest,
  'missing-host': edgeErrors.badRequest,
  'wrong-scheme': edgeErrors.badRequest,
  'request-timeout': edgeErrors.requestTimeout,
  'head-too-large': edgeErrors.headTooLarge,
  'target-too-long': edgeErrors.targetTooLong,
  'version-not-supported': edgeErrors.httpVersion,
  'method-not-allowed': edgeErrors.methodNotAllowed,
  'not-implemented': edgeErrors.notImplemented,
  'expectation-failed': edgeErrors.expectation,
  'too-many-connections': edgeErrors.tooManyConnections,
}

const byFailure: Record<UpstreamFailure, EdgeError> = {
  'connect-refused': edgeErrors.upstreamRefused,
  'connect-timeout': edgeErrors.upstreamRefused,
  'reset-before-head': edgeErrors.upstreamReset,
  'bad-response': edgeErrors.upstreamInvalid,
  timeout: edgeErrors.upstreamTimeout,
  'try-timeout': edgeErrors.upstreamTimeout,
  'no-endpoint': edgeErrors.noEndpoint,
  overflow: edgeErrors.overflow,
}

export function errorOfRefusal(refusal: Refusal): EdgeError {
  return byRefusal[refusal]
}

export function errorOfFailure(failure: UpstreamFailure): EdgeError {
  return byFailure[failure]
}

/** The answer for an error: problem+json (RFC 9457) when Accept names JSON, plain text otherwise. Never stored by a cache. */
export function edgeAnswer(error: EdgeError, accept: string | undefined): EdgeAnswer {
  const json = accept !== undefined && accept.includes('json')
  const fields = unstored(json ? 'application/problem+json' : 'text/plain; charset=utf-8')
  if (error.retryAfter !== undefined) fields.push(['retry-after', String(error.retryAfter)])
  if (error === edgeErrors.methodNotAllowed) fields.push(['allow', allowedMethods])
  const body = json
    ? JSON.stringify({ type: 'about:blank', title: error.title, status: error.status, code: error.code })
    : `${error.title} (${error.code})\n`
  return { status: error.status, fields, body }
}

/**
 * 409 for a request of a page whose version is gone. A script gets problem+json with `reload: true`; only who asks for HTML
 * (a form post, a frame) gets a page, which offers the one thing that helps.
 */
export function stalePageAnswer(pinned: string, current: string, accept: string | undefined): EdgeAnswer {
  const { code, status, title } = edgeErrors.stalePage
  if (accept !== undefined && asksForHtml(accept)) {
    const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<h1>${title}</h1><p>There is a newer version. ${reloadLink} to go on.</p></html>\n`
    return { status, fields: unstored('text/html; charset=utf-8'), body }
  }
  const body = JSON.stringify({ type: 'about:blank', title, status, code, pinned, current, reload: true })
  return { status, fields: unstored('application/problem+json'), body }
}

/**
 * In a frame the page around it is what has to be loaded anew: the frame alone would be told the same again. Where that page is of another
 * host, which no script may reload, the frame's page takes its place.
 */
const reloadLink =
  '<a href="" target="_top" onclick="if (top !== self) try { top.location.reload(); return false } catch {}">Reload the page</a>'

/** Sends a visitor of a preview link on to the page itself, without the token: neither history, log nor referrer keeps it. */
export function previewRedirect(
  path: string,
  opened: { readonly setCookie: string; readonly query: string },
  secure: boolean,
): EdgeAnswer {
  // A path of two slashes would name another host (RFC 3986 4.2).
  const target = `/${path.replace(/^[/\\]+/, '')}${opened.query === '' ? '' : `?${opened.query}`}`
  return {
    status: 302,
    fields: [
      ['location', target],
      ['set-cookie', opened.setCookie],
      ['cache-control', 'no-store'],
      ['referrer-policy', 'no-referrer'],
      ...(secure ? [['clear-site-data', loadedAhead] as const] : []),
    ],
    body: '',
  }
}

/**
 * Clear-Site-Data (3.1) of the page by which a browser leaves one version for another: what it loaded ahead is of the one that it leaves, and
 * would be shown without a request, its parts under the new pin. Only sent on https: elsewhere browsers complain of it.
 */
export const loadedAhead = '"prefetchCache", "prerenderCache"'

function unstored(contentType: string): [name: string, value: string][] {
  return [
    ['content-type', contentType],
    ['cache-control', 'no-store'],
  ]
}

function asksForHtml(accept: string): boolean {
  return accept.includes('text/html') || accept.includes('application/xhtml+xml')
}
