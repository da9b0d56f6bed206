/** The open page: what is stamped on its requests. */
export interface GraylanePage {
  /** The version of this page; undefined when it did not come through graylane. */
  readonly version: string | undefined
  /** Name of the header, and of the query parameter of EventSource, WebSocket, workers, beacons and posted forms. */
  header: string
  /** Name of the header by which answers tell their version (`pin.header`). */
  answered: string
  /** Whose requests are stamped: the page's own origin, and what the app adds. */
  readonly origins: string[]
}

export declare const page: GraylanePage

declare global {
  interface WindowEventMap {
    /** A request was answered 409 because the page's version is gone. Without preventDefault the next click or key reloads the page. */
    'graylane:stale': CustomEvent<{ readonly pinned: string; readonly current: string; readonly reload: true }>
  }
}
