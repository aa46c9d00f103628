"""The status page's style sheet, and the script that keeps it up to date. Contract: H3.

Both are embedded in the page; its Content-Security-Policy allows them by their digests.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;
--ground:#f4f6f8;--card:#fff;--ink:#18202b;--soft:#566273;--line:#dfe4ea;--link:#1b57a6;
--good:#0f6437;--good-ground:#dff3e7;--busy:#1b4f93;--busy-ground:#e1ecfb;
--care:#7a4b00;--care-ground:#fcefcf;--bad:#a01d18;--bad-ground:#fce3e1;--calm:#495566;--calm-ground:#e9edf1}
@media(prefers-color-scheme:dark){:root{
--ground:#0f1319;--card:#171d26;--ink:#e4e9f0;--soft:#9ba8b8;--line:#2a3340;--link:#8ab8f5;
--good:#86dcab;--good-ground:#12341f;--busy:#9cc4f8;--busy-ground:#15304f;
--care:#f0c674;--care-ground:#3b2c0d;--bad:#ffa39b;--bad-ground:#4a1a17;--calm:#b4bfcc;--calm-ground:#262f3b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
font-variant-numeric:tabular-nums}
main,footer{max-width:70rem;margin:0 auto;padding:0 1.25rem}
main{padding-top:2rem}
h1,h2,p,dl,dd,ul{margin:0;padding:0}
h1{font-size:1.9rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h1 small{font-size:1rem;font-weight:400;color:var(--soft);letter-spacing:0;margin-left:.35rem;white-space:nowrap}
h2,caption{font-size:1rem;font-weight:600}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:3px;border-radius:3px}
code,pre{font-size:.85em;
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
.head{display:flex;flex-wrap:wrap;gap:.75rem 1.5rem;align-items:flex-start;justify-content:space-between}
.head div{min-width:0;flex:1 1 12rem}
.lead{color:var(--soft);margin-top:.3rem}
.badge{display:inline-flex;align-items:center;gap:.4em;padding:.1em .65em .1em .55em;border-radius:1em;font-size:.85rem;
font-weight:600;line-height:1.6;white-space:nowrap;color:var(--calm);background:var(--calm-ground)}
.badge i{font-style:normal;font-size:.8em;width:1em;text-align:center}
.head .badge{font-size:1.1rem;padding:.2em .9em .2em .75em;margin-top:.15rem}
.good{color:var(--good);background:var(--good-ground)}.busy{color:var(--busy);background:var(--busy-ground)}
.care{color:var(--care);background:var(--care-ground)}.bad{color:var(--bad);background:var(--bad-ground)}
.why{margin-top:1rem;padding:.6rem .9rem;border-radius:.5rem;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.1rem 1.25rem;
margin-top:1.25rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.25rem;margin-top:1.25rem}
.pair section{margin:0}
table{width:100%;border-collapse:collapse;margin-top:.35rem}
caption{text-align:left;padding-bottom:.35rem}
th,td{text-align:left;vertical-align:top;padding:.55rem 1rem .55rem 0;font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.8rem;color:var(--soft);padding-top:.2rem;padding-bottom:.35rem;white-space:nowrap;
vertical-align:bottom}
tbody tr{border-top:1px solid var(--line)}
tbody th{font-weight:600;overflow-wrap:anywhere}
.number{text-align:right}
td small,th small{display:block;font-size:.8rem;font-weight:400;color:var(--soft)}
td.number,td time,.keep{white-space:nowrap}
th code{display:block;color:var(--soft);font-weight:400;overflow-wrap:anywhere}
td strong,.lead b{color:var(--bad);font-weight:600}
.none{color:var(--soft)}
ul{list-style:none;margin-top:.6rem}
li{display:flex;gap:.6rem;padding:.2rem 0;overflow-wrap:anywhere}
li small{display:block;color:var(--soft);font-size:.85rem}
li i{font-style:normal;flex:none;width:1.5em;height:1.5em;line-height:1.5em;border-radius:50%;text-align:center;
font-size:.8em;font-weight:700;margin-top:.15em}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1.5rem;margin-top:.7rem}
dt{color:var(--soft)}
dd{text-align:right;min-width:0;overflow-wrap:anywhere}
progress{display:block;width:100%;height:.4rem;margin:.3rem 0 .2rem;border:0;border-radius:.2rem;overflow:hidden;
appearance:none;background:var(--calm-ground);color:var(--link)}
progress::-webkit-progress-bar{background:var(--calm-ground)}
progress::-webkit-progress-value{background:var(--link)}
progress::-moz-progress-bar{background:var(--link)}
.wide{grid-column:1/-1}
details{border-top:1px solid var(--line);padding:.5rem 0}
h2+details{border-top:0;margin-top:.3rem}
summary{cursor:pointer;font-weight:600}
summary small{font-weight:400;color:var(--soft);margin-left:.35rem}
pre{margin:.5rem 0;max-height:24rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.45}
footer{color:var(--soft);font-size:.85rem;margin-top:1.5rem;padding-bottom:2rem;display:flex;flex-wrap:wrap;
gap:.4rem 1.25rem;justify-content:space-between}
footer nav{display:flex;flex-wrap:wrap;gap:.4rem 1rem}
#live.on::before{content:"●";font-size:.7em;margin-right:.4em;vertical-align:.1em;color:var(--good)}
#live.bad{padding:.1em .7em;border-radius:1em;font-weight:600}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:48rem){
main{padding-top:1.25rem}main,footer{padding-left:.9rem;padding-right:.9rem}section{padding:.9rem 1rem}
h1{font-size:1.6rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,caption{display:block}
tbody tr{display:grid;grid-template-columns:repeat(6,1fr);gap:.6rem .75rem;padding:.8rem 0}
tbody tr:last-child{padding-bottom:.2rem}
tbody th,tbody td,.number{display:block;padding:0;text-align:left;min-width:0}
tbody td{grid-column:span 2}tbody th,tbody .half{grid-column:span 3}
tbody .keep{grid-column:span 3;text-align:right}
td:not(.keep)::before{content:attr(data-of);display:block;font-size:.75rem;color:var(--soft)}
td.number,td time{white-space:normal}
td.none:not(.half){display:none}}
"""

SCRIPT = """
(() => {
"use strict";
const every = 2000, patience = 5000, note = document.getElementById("live");
const address = location.origin + location.pathname + location.search;
let timer = 0, busy = false, lost = "";
// Updates only what has changed: focus, selection and unfolded details stay.
const adapt = (old, fresh) => {
  if (old.nodeName !== fresh.nodeName) { old.replaceWith(document.adoptNode(fresh)); return; }
  if (old.nodeType !== Node.ELEMENT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  for (const {name} of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const {name, value} of fresh.attributes)
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((child, place) => {
    if (place < before.length) adapt(before[place], child); else old.append(document.adoptNode(child));
  });
  before.slice(after.length).forEach(child => child.remove());
};
const say = (text, bad) => {
  if (note.textContent !== text) note.textContent = text;
  note.className = bad ? "bad" : "on";
};
const update = async () => {
  clearTimeout(timer);
  if (busy || document.hidden) return;
  busy = true;
  try {
    const answer = await fetch(address, {cache: "no-store", signal: AbortSignal.timeout(patience)});
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "title", "link[rel=icon]"])
      adapt(document.querySelector(part), page.querySelector(part));
    lost = "";
    say("Live", false);
  } catch {
    lost = lost || new Date().toLocaleTimeString();
    say("No connection since " + lost, true);
  }
  busy = false;
  timer = setTimeout(update, every);
};
document.addEventListener("visibilitychange", update);
say("Live", false);
timer = setTimeout(update, every);
})();
"""

# The digests of the text between the tags, which test_style.py checks: hashlib would take three megabytes.
STYLE_DIGEST = "sha256-ukkS620o7LiDchtddpo7kF0/LeJmGGnu6DoKFfgE+FI="
SCRIPT_DIGEST = "sha256-JkfebkPRV7WvhGYUxHF4+R8xpy9DUhtijt3WTjldnrw="
