// The page: a token with every request, events of the program, shortcuts, downloads,
// dropped files. It knows attributes, not views. It runs before htmx does.
const meta = name => document.querySelector(`meta[name=${name}]`)?.content ?? '';
const byId = id => document.getElementById(id);

// The token is given once, and kept where no other port of this computer sees it.
const store = 'desfire-' + meta('instance');
const stored = () => { try { return localStorage.getItem(store); } catch { return null; } };
const token = meta('token') || stored() || '';
try {
  for (const name of Object.keys(localStorage)) if (name.startsWith('desfire-') && name !== store) localStorage.removeItem(name);
  if (token) localStorage.setItem(store, token);
} catch { /* this page works, others and a reload will have no session */ }

export const ask = (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, 'X-Desfire-Token': token }, mode: 'same-origin' });

// htmx makes HTML of what the program answers, and runs no text.
const policy = window.trustedTypes?.createPolicy('desfire', { createHTML: text => text }) ?? { createHTML: text => text };
const never = function () { throw new Error('this page runs no text'); };
document.addEventListener('htmx:before:process', () => {
  window.htmx.registerExtension('desfire', { init: api => api.initSecurity({ createHTML: text => policy.createHTML(text), createScript: never }, never, never) });
}, { once: true });
document.addEventListener('htmx:config:request', e => { e.detail.ctx.request.headers['X-Desfire-Token'] = token; e.detail.ctx.asked = performance.now(); e.detail.ctx.shows = shows(e.detail.ctx); });
// What shows something else by now is not taken back by an answer to an older question.
const shows = ctx => ctx.sourceEvent?.type === 'refresh' ? ctx.sourceElement.getAttribute('hx-get') : null;
document.addEventListener('htmx:after:request', e => {
  const { status } = e.detail.ctx.response;
  if (shows(e.detail.ctx) !== e.detail.ctx.shows) { e.preventDefault(); refresh(e.detail.ctx.sourceElement); return; }
  if (status < 400) return;
  e.preventDefault();
  if (status === 401) ended(); else notice(e.detail.ctx.text);
});
document.addEventListener('htmx:error', e => { if (e.detail.error instanceof TypeError) lost(); });

// What the bar says, and what stands above everything else.
const live = (words, kind) => { if (byId('live').textContent !== words) byId('live').textContent = words; byId('dot').className = 'dot ' + kind; };
export const notice = words => { byId('notice-words').textContent = words; byId('notice').hidden = !words; };
byId('notice-close').addEventListener('click', () => notice(''));
const gone = (id, at) => { for (const x of ['stopped', 'ended']) byId(x).hidden = x !== id; if (at) byId('since').textContent = at.toLocaleTimeString([], { hour12: false }); };

// Events: elements say which ones refresh them, and are asked for again soon after.
const matches = (el, e) => {
  if (!el.dataset.on.split(' ').includes(e.kind)) return false;
  if (e.kind === 'all') return true;
  if (el.dataset.reader && e.reader && el.dataset.reader !== e.reader) return false;
  return !(e.kind === 'job' && el.dataset.job && el.dataset.job !== e.data);
};
const soon = new WeakSet();
const refresh = el => {
  if (soon.has(el)) return;
  soon.add(el);
  setTimeout(() => { soon.delete(el); if (el.isConnected) el.dispatchEvent(new CustomEvent('refresh')); }, 80);
};
// What happened while an answer was on its way, the answer may not know: who is new by
// it, and would have heard, is asked for again.
const recent = [], known = new WeakSet();
document.addEventListener('htmx:after:swap', e => {
  for (const el of document.querySelectorAll('[data-on]')) {
    if (!known.has(el) && recent.some(x => x.at >= e.detail.ctx.asked && matches(el, x.e))) refresh(el);
    known.add(el);
  }
});
const happened = e => {
  recent.push({ at: performance.now(), e });
  if (recent.length > 100) recent.shift();
  document.dispatchEvent(new CustomEvent('desfire:' + e.kind, { detail: e }));
  for (const el of document.querySelectorAll('[data-on]')) if (matches(el, e)) refresh(el);
};

// The stream. It is looked after here and not by EventSource, whose ticket is good once.
let stream = null, heard = new Date(), again = 0, wait = 500, failed = 0, told = false;
const close = () => { stream?.close(); stream = null; clearTimeout(again); };
const lost = () => {
  close();
  if (++failed > 1) { live('Stopped', 'bad'); gone('stopped', heard); } else live('Connecting', 'doubt');
  again = setTimeout(follow, wait);
  wait = Math.min(2 * wait, 2000);
};
const ended = () => {
  if (stored() && stored() !== token) { location.reload(); return; } // another window has a new session
  close();
  live('No session', 'bad');
  gone('ended');
};
const silent = () => { clearTimeout(again); again = setTimeout(lost, 15000); };
const follow = async () => {
  close();
  try {
    const answer = await ask('/stream', { method: 'POST', signal: AbortSignal.timeout(8000) });
    if (answer.status === 401) { ended(); return; }
    if (!answer.ok) { notice(await answer.text()); again = setTimeout(follow, 5000); return; }
    stream = new EventSource('/stream?ticket=' + encodeURIComponent(await answer.json()));
  } catch { lost(); return; }
  stream.onerror = lost;
  stream.onmessage = m => {
    const e = JSON.parse(m.data);
    heard = new Date();
    silent();
    if (e.kind === 'end') { lost(); return; }
    if (failed || !told || !byId('ended').hidden) { wait = 500; failed = 0; gone(); state(); if (told) happened({ kind: 'all' }); told = true; }
    if (e.kind !== 'beat') happened(e);
  };
};
const state = () => { const at = document.querySelector('#rail [data-live]'); live(at?.dataset.live ?? 'Live', at?.dataset.dot ?? 'on'); };
document.addEventListener('htmx:after:settle', () => { if (stream) state(); });
addEventListener('storage', e => { if (e.key?.startsWith('desfire-') && e.newValue && !byId('ended').hidden) location.reload(); });
addEventListener('pageshow', e => { if (e.persisted) location.reload(); });
// A page that nobody sees needs no stream, of which browsers open only six.
let unseen = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(unseen);
  if (document.hidden) unseen = setTimeout(close, 30000);
  else if (!stream) follow().then(() => happened({ kind: 'all' }));
});
follow();

// Shortcuts: a key presses the button that shows it.
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.altKey || e.metaKey || e.repeat || e.target.closest?.('input, select, textarea, [contenteditable]')) return;
  if ((e.key === ' ' || e.key === 'Enter') && e.target.closest?.('button, a, summary, [tabindex]:not(main)')) return;
  const name = e.key === ' ' ? 'space' : e.key.toLowerCase();
  for (const el of document.querySelectorAll('[data-key]')) {
    if (el.dataset.key.toLowerCase() !== name || el.disabled || !el.checkVisibility()) continue;
    e.preventDefault();
    el.click();
    return;
  }
});

// Focus is never lost: where an answer took away, hid or disabled what had it, its like
// has it, or what stands before it, or the heading of what came in its place.
let held = []; // what had the focus last, and what is around it
const hold = el => { held = []; for (; el && el !== document.body; el = el.parentElement) held.push(el); };
document.addEventListener('focusin', e => hold(e.target));
document.addEventListener('pointerdown', e => { if (!e.target.closest('a[href], button, input, select, textarea, summary, label, [tabindex]')) held = []; });
// Who leaves what still could have the focus is left alone.
document.addEventListener('focusout', e => setTimeout(() => {
  if (held[0] === e.target && document.hasFocus() && document.activeElement === document.body && usable(e.target) && (e.target.tabIndex >= 0 || e.target.hasAttribute('tabindex'))) held = [];
}));
const usable = el => el.isConnected && !el.disabled && el.checkVisibility();
const alike = (a, b) => a.tagName === b.tagName && a.name === b.name && a.getAttribute('href') === b.getAttribute('href') && (a.id ? a.id === b.id : a.textContent === b.textContent);
const regain = swapped => {
  const was = held[0], now = document.activeElement;
  if (!was || now !== document.body && now !== was) return;
  if (usable(was)) { // a heading that was given the focus may be as the server sends it again, and have lost it
    if (/^H\d$/.test(was.tagName) && !was.hasAttribute('tabindex')) { was.tabIndex = -1; was.focus(); }
    return;
  }
  const near = held.slice(1).find(el => el.isConnected && el.checkVisibility()) ?? byId('main');
  const instead = swapped?.isConnected && swapped.id && held.some(el => el.id === swapped.id); // of what it stood in
  const beside = swapped?.isConnected && !swapped.contains(near) && !instead, around = swapped?.isConnected && !beside ? swapped : near;
  if (beside && !was.isConnected) return; // another answer took it
  let to = null;
  if (!was.isConnected) to = [...around.querySelectorAll(was.tagName)].find(el => usable(el) && alike(el, was));
  else {
    const all = [...document.querySelectorAll('#main :is(a[href], button, input, select, textarea, summary)')].filter(el => usable(el) && el.type !== 'hidden');
    const before = all.filter(el => was.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_PRECEDING);
    const first = was.disabled && was.closest('section')?.querySelector('.btn.main:not(:disabled)');
    to = first || (was.disabled && all[before.length]) || before.at(-1);
  }
  for (let el = around; !to && el && el !== document.body; el = el.parentElement) to = [...el.querySelectorAll('h1, h2, h3')].find(usable);
  to ??= byId('main');
  if (/^H\d$/.test(to.tagName)) to.tabIndex = -1;
  to.focus();
};
document.addEventListener('htmx:after:settle', e => setTimeout(regain, 50, e.detail.task?.target));

// Downloads carry the token, so they are fetched.
document.addEventListener('click', async e => {
  const el = e.target.closest('[data-save]');
  if (!el) return;
  e.preventDefault();
  try {
    const answer = await ask(el.dataset.save);
    if (answer.status === 401) { ended(); return; }
    if (!answer.ok) { notice(await answer.text()); return; }
    const name = /filename="?([^";]+)"?/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? 'desfire';
    const href = URL.createObjectURL(await answer.blob());
    Object.assign(document.createElement('a'), { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  } catch { notice('This could not be saved: the program does not answer.'); }
});

// What cannot be undone asks for digits.
document.addEventListener('input', e => {
  const form = e.target.closest('form[data-confirm]');
  if (form && e.target.type === 'text') form.querySelector('[type=submit]').disabled = e.target.value.trim().toUpperCase() !== form.dataset.confirm.toUpperCase();
});

// A form that htmx has not seen yet must not be sent by the browser, with what is
// typed in its address: it is sent again, once.
document.addEventListener('submit', e => {
  if (e.defaultPrevented) return;
  e.preventDefault();
  const { target: form, submitter } = e;
  if (form.dataset.late !== undefined) return;
  form.dataset.late = '';
  setTimeout(() => { if (form.isConnected) form.requestSubmit(submitter); delete form.dataset.late; }, 50);
});

// Dropped files. One that misses its place does not make the browser leave.
for (const kind of ['dragover', 'drop']) document.addEventListener(kind, e => {
  if (!e.dataTransfer?.types.includes('Files')) return;
  e.preventDefault();
  const form = e.target.closest?.('[data-drop]'), input = form?.querySelector('input[type=file]');
  if (kind !== 'drop' || !input || !e.dataTransfer.files.length) return;
  input.files = e.dataTransfer.files;
  form.requestSubmit();
});

// Lists of which only what is in view is in the document. Rows come by range and
// have one height; the newest is in view until the person scrolls or pauses.
const thin = n => String(n).replace(/\B(?=(\d{3})+$)/g, n > 9999 ? '\u202f' : '');
const list = el => {
  const box = el.querySelector('.rows'), ol = box.firstElementChild, form = el.querySelector('form');
  const [count, status, more] = el.querySelector('.gap').children, pause = document.querySelector('[data-pause]');
  const opened = document.querySelector('[data-opened]'), home = opened.parentNode, narrow = matchMedia('(max-width: 760px)');
  const spare = 15;
  let total = 0, gone = NaN, newer = 0, missed = 0, first = 0; // lines; of them not shown, and the first of those
  let following = true, paused = false, busy = false, again = false, active = '', open = '', wanted = -1, asked = 0, size = '';
  const height = () => narrow.matches ? 34 : 30;
  const row = id => [...ol.children].find(li => li.id === id), at = i => [...ol.children].find(li => li.at === i);
  const unfolded = () => opened.parentNode === home ? null : opened.parentNode;
  const top = (i, li = unfolded()) => i * height() + (li && i > li.at ? opened.offsetHeight : 0);
  const place = y => { const li = unfolded(); return Math.floor((li && y > top(li.at) ? Math.max(y - opened.offsetHeight, top(li.at)) : y) / height()); };
  const seen = () => Math.ceil(box.clientHeight / height());
  const tail = () => following && !paused;

  const parsed = html => [...new DOMParser().parseFromString(policy.createHTML(html), 'text/html').body.children].map(x => document.adoptNode(x));

  const paint = () => {
    const li = unfolded(), end = row(active) ? active : ol.lastElementChild?.id;
    ol.style.height = `${total * height() + (li ? opened.offsetHeight : 0)}px`;
    for (const r of ol.children) {
      const a = r.firstElementChild;
      r.style.top = `${top(r.at, li)}px`;
      r.setAttribute('aria-posinset', r.at + 1);
      r.setAttribute('aria-setsize', total);
      a.tabIndex = r.id === end ? 0 : -1;
      if (r.id === open) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current');
    }
    count.textContent = paused ? `${newer ? thin(newer) + ' more' : 'Nothing'} since` : missed ? `${thin(missed)} exchanges not shown:` : '';
    status.textContent = paused ? 'the list was paused' : missed ? 'this page was slower than the card' : total ? '' : 'Nothing fits.';
    more.hidden = paused || !missed && following;
    more.textContent = missed ? 'Load' : 'Newest';
    if (following) box.scrollTop = ol.offsetHeight;
    size = `${box.clientHeight}/${ol.offsetHeight}`;
  };
  const unfold = anew => {
    const li = narrow.matches && row(open);
    if (li && li !== unfolded()) li.append(opened); else if (!li && unfolded()) home.append(opened);
    if (anew && li) following = false;
    paint();
    if (anew && li) box.scrollTop = top(li.at);
    fill();
  };
  const show = (html, n) => {
    const got = parsed(html)[0], d = got.dataset, before = total, dropped = Math.max(0, d.gone - gone || 0), focus = document.activeElement;
    document.querySelector('[data-sum]').textContent = d.words;
    newer = d.total - total + dropped;
    if (!n) return paint();
    gone = +d.gone;
    if (!paused) total = +d.total;
    for (const r of ol.children) r.at -= dropped;
    if (tail() && before && newer > 200) { if (!missed) first = before - dropped; missed += newer - n; } // more than a person saw pass
    const fresh = new Map([...got.children].map((li, i) => [li.id, Object.assign(li, { at: +d.from + i })]));
    for (const old of [...ol.children]) {
      const li = fresh.get(old.id), had = focus === old.firstElementChild;
      if (li) fresh.set(old.id, Object.assign(old, { at: li.at }));
      else if (!old.contains(focus) && old !== unfolded()) old.remove();
      if (!li || old.dataset.is === li.dataset.is) continue;
      old.dataset.is = li.dataset.is;
      old.firstElementChild.replaceWith(li.firstElementChild);
      if (had) old.firstElementChild.focus({ preventScroll: true });
    }
    [...new Set([...ol.children, ...fresh.values()])].filter(li => li.at < total).sort((a, b) => a.at - b.at)
      .forEach((li, i) => { if (ol.children[i] !== li) ol.insertBefore(li, ol.children[i] ?? null); });
    if (dropped && !tail()) box.scrollTop -= dropped * height();
    unfold(false);
    arrive();
  };
  const fill = () => {
    const from = place(box.scrollTop), to = Math.min(total, from + seen()) - 1;
    if (to >= from && !(at(from) && at(to))) load();
  };
  const load = async () => {
    if (busy) { again = true; return; }
    busy = true;
    const n = seen() + 2 * spare, aim = wanted, query = new URLSearchParams(new FormData(form));
    query.set('n', n);
    query.set('from', tail() ? -1 : Math.max(0, (wanted < 0 ? place(box.scrollTop) : wanted - seen()) - spare));
    try {
      const answer = await ask(`${el.dataset.list}&${query}`);
      if (answer.ok) show(await answer.text(), n);
    } catch { /* the stream tells that the program has stopped */ } finally { busy = false; }
    if (wanted === aim) wanted = -1;
    if (again) { again = false; load(); }
  };
  const peek = async () => {
    const answer = await ask(`${el.dataset.list}&n=0&${new URLSearchParams(new FormData(form))}`);
    if (answer.ok && paused) show(await answer.text(), 0);
  };
  const arrive = () => {
    const li = wanted < 0 ? null : at(wanted);
    if (!li) return;
    active = li.id;
    li.firstElementChild.focus({ preventScroll: true });
    paint();
  };
  const go = i => {
    if (!total) return;
    wanted = Math.max(0, Math.min(total - 1, i));
    const y = top(wanted), bottom = y + height() - box.clientHeight;
    following = wanted === total - 1;
    if (y < box.scrollTop) box.scrollTop = y; else if (bottom > box.scrollTop) box.scrollTop = bottom;
    arrive();
    load();
  };
  const choose = async li => {
    const mine = ++asked, closes = narrow.matches && open === li.id && unfolded();
    active = li.id;
    const answer = closes ? null : await ask(`${el.dataset.open}&no=${li.id.slice(1)}`), text = await answer?.text();
    if (mine !== asked) return;
    open = closes ? '' : li.id;
    if (!closes) { opened.replaceChildren(...parsed(text)); window.htmx.process(opened); }
    unfold(!closes);
  };

  ol.addEventListener('click', e => { const a = e.target.closest('li > a'); if (a) { e.preventDefault(); choose(a.parentNode); } });
  box.addEventListener('keydown', e => {
    const li = e.target.parentNode;
    if (li.parentNode !== ol || e.ctrlKey || e.altKey || e.metaKey) return;
    const i = wanted < 0 ? li.at : wanted; // that row may be on its way
    const to = { ArrowUp: i - 1, ArrowDown: i + 1, PageUp: i - seen() + 1, PageDown: i + seen() - 1, Home: 0, End: total - 1 }[e.key];
    if (to !== undefined) go(to); else if (e.key === ' ') pause.click(); else return;
    e.preventDefault();
  });
  box.addEventListener('scroll', () => {
    if (size === `${box.clientHeight}/${ol.offsetHeight}`) following = box.scrollTop + box.clientHeight > ol.offsetHeight - height();
    paint();
    fill();
  });
  more.addEventListener('click', () => { const i = missed ? first : total - 1; missed = 0; go(i); });
  pause.addEventListener('click', () => {
    paused = !paused;
    newer = 0;
    pause.setAttribute('aria-pressed', paused);
    if (paused) paint(); else load();
  });
  const restart = () => { if (unfolded()) home.append(opened); ol.replaceChildren(); total = missed = 0; gone = NaN; following = true; load(); };
  form.addEventListener('input', restart);
  form.addEventListener('submit', e => e.preventDefault());
  const refresh = () => { if (!document.hidden) (paused ? peek : load)(); };
  el.addEventListener('refresh', refresh);
  document.addEventListener('visibilitychange', refresh);
  narrow.addEventListener('change', () => unfold(true));
  const resized = new ResizeObserver(() => { paint(); fill(); });
  for (const x of [box, opened]) resized.observe(x);
  load();
};

// Plots of numbers that the server has, with the same numbers in words.
const plot = el => {
  let timer = 0;
  const colour = name => { el.style.color = `var(--${name})`; const c = getComputedStyle(el).color; el.style.color = ''; return c; };
  const bars = name => ({ stroke: () => colour(name), fill: () => colour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.7, 10] }) });
  const points = (name, size) => ({ stroke: () => colour(name), paths: () => null, points: { show: true, size, width: 0, fill: () => colour(name) } });
  const series = { rate: [bars('accent')], time: [points('accent', 4), points('bad', 8)], air: [bars('accent'), bars('line-strong')] };
  const one = (fig, p) => {
    const box = fig.querySelector('[role=img]'), data = [p.x, ...p.y];
    fig.range = [1.05 * p.min, 1.05 * p.max];
    fig.querySelector('b').textContent = p.value;
    fig.querySelectorAll('.axis span').forEach((s, i) => { s.textContent = p.axis[i]; });
    fig.querySelector('p').textContent = p.words;
    box.setAttribute('aria-label', p.label);
    if (fig.drawn) return fig.drawn.setData(data);
    const size = () => ({ width: box.clientWidth, height: box.clientHeight });
    fig.drawn = new uPlot({
      ...size(), padding: [0, 0, 0, 0], legend: { show: false }, cursor: { show: false }, axes: [{ show: false }, { show: false }],
      scales: { x: { time: false, range: (u, min, max) => [-0.5, Math.max(max, 39) + 0.5] }, y: { range: () => fig.range } }, series: [{}, ...series[p.id]],
    }, data, box);
    new ResizeObserver(() => fig.drawn.setSize(size())).observe(box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => fig.drawn.redraw());
  };
  const draw = async () => {
    let moves = false;
    try {
      const answer = await ask(el.dataset.plot), got = await answer.json();
      for (const p of got.plots) one(el.querySelector(`[data-id=${p.id}]`), p);
      moves = got.moves && el.isConnected;
    } catch { /* as above */ }
    timer = moves ? setTimeout(draw, 1000) : 0;
  };
  el.addEventListener('refresh', () => { timer ||= setTimeout(draw, 300); });
  draw();
};
document.addEventListener('htmx:after:swap', () => {
  for (const [name, start] of [['list', list], ['plot', plot]]) for (const el of document.querySelectorAll(`[data-${name}]`)) if (!el.begun) { el.begun = true; start(el); }
});
