// Keeps a page fresh and spares clicks. Every page works without it.
"use strict";

(() => {
  const REFRESH_MS = 500;
  const RETRY_MS = 5000;
  const byId = (id) => document.getElementById(id);
  const main = () => document.querySelector("main");
  const button = byId("novidades");
  const announcer = byId("anuncio");

  // A refused form was answered at the address of its button: reloading goes to the record instead.
  const home = main().dataset.url;
  if (home && home !== location.pathname) history.replaceState(null, "", home + location.hash);

  // --- Freshness: the server says that something moved, we fetch this page's <main> again.

  let source = null;
  let retry = 0;
  let timer = 0;
  let running = false;
  let again = false;

  function connect() {
    clearTimeout(retry);
    // A form that begins a record shows nothing that could become old.
    if (source || document.hidden || "fixa" in main().dataset) return;
    source = new EventSource("/web/ao-vivo");
    // Also the first thing said on a new connection: what moved before it is fetched then.
    source.addEventListener("moveu", soon);
    source.onerror = () => {
      // The browser reconnects by itself, unless the answer was an error.
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        retry = setTimeout(connect, RETRY_MS);
      }
    };
  }

  function disconnect() {
    if (source) source.close();
    source = null;
  }

  function soon() {
    if (!timer) timer = setTimeout(() => { timer = 0; refresh(false); }, REFRESH_MS);
  }

  async function refresh(forced) {
    if (running) { again = true; return; }
    running = true;
    try {
      const answer = await fetch(location.href, {
        headers: { "X-Fragment": "main", Accept: "text/html" },
        cache: "no-store",
      });
      // The session ended, or the record is no longer ours to see.
      if (answer.redirected || answer.status === 401 || answer.status === 404) {
        location.reload();
        return;
      }
      if (answer.ok) {
        const html = await answer.text();
        const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("main");
        if (!fresh) location.reload();
        else if (forced || !busy()) swap(fresh, forced);
        else button.hidden = words(main()) === words(fresh);
      }
    } catch {
      // No connection: the next message, or the reconnection, asks again.
    } finally {
      running = false;
      if (again) { again = false; soon(); }
    }
  }

  // Whether replacing the page would take something from the person's hands.
  function busy() {
    const page = main();
    // The reason of a refusal stays until the person did something about it.
    if (page.querySelector(".erro")) return true;
    const active = document.activeElement;
    if (active && page.contains(active) && active.matches("input, select, textarea")) return true;
    const selection = getSelection();
    if (selection && !selection.isCollapsed && page.contains(selection.anchorNode)) return true;
    return controls(page).some(dirty);
  }

  function controls(element) {
    return Array.from(element.querySelectorAll("input, select, textarea"));
  }

  // What a control is moved with.
  function unit(control) {
    return control.closest("details[id]") ?? control.closest("form") ?? control;
  }

  function dirty(control) {
    if (control.type === "hidden") return false;
    if (control.type === "radio" || control.type === "checkbox") {
      return control.checked !== control.defaultChecked;
    }
    if (control.matches("select")) {
      const options = Array.from(control.options);
      const chosen = options.findIndex((option) => option.defaultSelected);
      return control.selectedIndex !== Math.max(chosen, 0);
    }
    return control.value !== control.defaultValue;
  }

  function swap(fresh, forced) {
    const old = main();
    const before = rows(old);
    const changed = words(old) !== words(fresh);
    const focused = old.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    if (!forced) {
      for (const open of old.querySelectorAll("details[open][id]")) {
        const same = fresh.querySelector("#" + CSS.escape(open.id));
        if (same) same.open = true;
      }
    }
    const page = document.importNode(fresh, true);
    // What was begun goes along whole, with what it was begun from.
    for (const begun of new Set(controls(old).filter(dirty).map(unit))) {
      const same = begun.id && page.querySelector("#" + CSS.escape(begun.id));
      if (same) same.replaceWith(begun);
      else page.prepend(begun);
    }
    old.replaceWith(page);
    for (const [id, text] of rows(page)) {
      if (before.get(id) !== text) byId(id).classList.add("novo");
    }
    if (focused) {
      const same = page.querySelector(focused);
      if (same) same.focus({ preventScroll: true });
    }
    const held = byId("retidas-contagem");
    held.textContent = page.dataset.retidas;
    held.hidden = page.dataset.retidas === "0";
    button.hidden = true;
    if (changed) announcer.textContent = "Página atualizada às " + clock() + ".";
  }

  // The words of a page but for "há 5 min", which changes by itself, and for what was being typed.
  function words(element) {
    const copy = element.cloneNode(true);
    for (const part of copy.querySelectorAll("time, textarea, .erro")) part.remove();
    return copy.textContent.replace(/\s+/g, " ");
  }

  function rows(page) {
    const found = page.querySelectorAll("[data-linha]");
    return new Map(Array.from(found, (row) => [row.id, words(row)]));
  }

  function keyOf(element) {
    if (element.id) return "#" + CSS.escape(element.id);
    const href = element.getAttribute("href");
    return href ? `a[href="${CSS.escape(href)}"]` : null;
  }

  function clock() {
    return new Date().toLocaleTimeString("pt-BR", { hour: "2-digit", minute: "2-digit" });
  }

  button.addEventListener("click", () => refresh(true));

  // A hidden tab holds no connection: browsers allow only a few to one server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else connect();
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.enviado;
    for (const sent of document.querySelectorAll("[aria-busy]")) sent.removeAttribute("aria-busy");
    connect();
  });

  // --- Forms

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.enviado) { event.preventDefault(); return; }
    form.dataset.enviado = "sim";
    if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  });

  // An opened form is ready to type into.
  document.addEventListener("toggle", (event) => {
    if (!event.target.open || !event.target.matches("details")) return;
    if (!event.target.contains(document.activeElement)) return;
    const first = event.target.querySelector("textarea, select, input:not([type=hidden])");
    if (first) first.focus();
  }, true);

  // The form that was refused, or that a link names, opens.
  function openTarget() {
    const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)));
    const details = target && (target.matches("details") ? target : null);
    if (details) details.open = true;
  }
  addEventListener("hashchange", openTarget);
  openTarget();

  // --- Keys

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.activeElement) {
      const open = document.activeElement.closest("details[open]");
      if (open && !controls(open).some(dirty)) {
        open.open = false;
        open.querySelector("summary").focus();
      }
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement?.matches("input, select, textarea")) return;
    const search = document.querySelector("[data-busca]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });
})();
