// Plays the backward walk: a stage at a time from the loss to the first step, and keeps it in sight.

const STAGE_TIME = 480; // milliseconds
const CALM_STAGE_TIME = 900; // for who asked for less motion
const MOST_STAGES = 240; // of a longer walk several are taken at once, so that none plays longer than two minutes

class Player {
  constructor(app) {
    this.app = app;
    this.timer = null;
  }

  toggle() {
    const {app} = this,
      {backward} = app;
    if (this.timer) return this.stop();
    if (!backward.last) return;
    if (backward.stage >= backward.last) app.setStage(0);
    const stages = Math.ceil(backward.last / MOST_STAGES);
    const tick = () => {
      app.setStage(backward.stage + stages);
      if (backward.stage >= backward.last) this.stop();
    };
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.timer = setInterval(tick, calm ? CALM_STAGE_TIME : STAGE_TIME);
    tick();
    showMoment(app);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    if (this.app.view) showMoment(this.app);
  }

  follow() {
    const {view, backward} = this.app,
      cell = backward.current?.cell;
    if (!(view instanceof GraphView) || cell === undefined || cell >= BAR) return;
    const x = view.placeOf(cell);
    if (x === null) return;
    const at = view.camera.toScreenX(x);
    if (at < 60 || at > view.camera.width - 60) this.app.centreOn(x);
  }
}
