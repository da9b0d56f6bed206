// How reloads went, for the metrics of a gateway of one process or of several.

export class ReloadCounts {
  inForce = 0
  refused = 0
  isLastGood = true

  /** A reload was tried: it took effect, or was refused (not `ok`), or found in force what a refused file was mended to (not `changed`). */
  add(ok: boolean, changed: boolean): void {
    this.isLastGood = ok
    if (!ok) this.refused++
    else if (changed) this.inForce++
  }
}
