// The real editors in a real browser: every question is built by clicking, in both languages,
// and the model that results is checked, as are the console and what axe finds.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, beforeEach, describe, test as run } from 'node:test';
import { chromium } from 'playwright-core';

import { serve } from './site.mjs';

const require = createRequire(import.meta.url);
const json = async (path) => JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
const texts = Object.fromEntries(
  await Promise.all(
    ['en-US', 'fr-FR'].map(async (tag) => [
      tag,
      await json(`../src/locales/${tag}/darkshare-darksocial-datasource.json`),
    ])
  )
);
const { questions } = await json('../src/questions.json');
const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');

// What @grafana/ui itself has wrong while a list is open: its list boxes have their options in
// further boxes, check boxes in the options, hang outside of every landmark, and, with few
// options, name one that is not drawn yet.
const openList = [
  'aria-required-children',
  'aria-valid-attr-value',
  'nested-interactive',
  'region',
  'scrollable-region-focusable',
];
// @grafana/plugin-ui has h3 and h6 for its headings, in a page that Grafana gives an h1.
const config = ['heading-order'];

/** What to click for a question, and what is to come of it. */
const built = [
  {
    question: 'darkShare',
    from: { question: 'shift' },
    choose: [
      ['of', 'of.social'],
      ['over', 'over.range'],
      ['by', 'label.device'],
    ],
    limit: 3,
    filters: { site: ['courier.example'], channel: ['dark_social', 'social'] },
    model: { of: 'social', over: 'range', by: 'device', limit: 3 },
  },
  {
    question: 'visits',
    choose: [
      ['as', 'as.share'],
      ['by', 'label.evidence'],
    ],
    limit: 25,
    filters: { device: ['mobile', 'tablet'], source: ['whatsapp'] },
    model: { as: 'share', over: 'time', by: 'evidence', limit: 25 },
  },
  {
    question: 'topPages',
    choose: [],
    limit: 50,
    filters: { site: ['$site', 'blog.example'] },
    model: { over: 'range', by: '', limit: 50 },
  },
  {
    question: 'shares',
    choose: [
      ['over', 'over.range'],
      ['by', 'label.page'],
    ],
    filters: { site: ['courier.example'] },
    model: { over: 'range', by: 'page' },
  },
  {
    question: 'direct',
    choose: [['over', 'over.range']],
    filters: { device: ['desktop'] },
    model: { over: 'range', by: '' },
  },
  {
    question: 'conversions',
    from: { question: 'topPages', over: 'range' },
    choose: [
      ['over', 'over.time'],
      ['by', 'label.goal'],
    ],
    filters: { source: ['google'] },
    model: { over: 'time', by: 'goal' },
  },
  {
    question: 'shift',
    choose: [
      ['over', 'over.shift-range'],
      ['by', 'label.section'],
    ],
    filters: { section: ['/actu/politique'] },
    model: { over: 'range', by: 'section' },
  },
];

const names = {
  darkShare: 'dark-share',
  topPages: 'top-pages',
  dark_social: 'channel.dark-social',
  social: 'channel.social',
  desktop: 'device.desktop',
  mobile: 'device.mobile',
  tablet: 'device.tablet',
};

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const skip = existsSync(executablePath) ? false : `no ${executablePath}: the Debian package is chromium`;
const test = (name, body) => run(name, { skip }, body);

let browser, context, page, site;
/** What was wrong with the page: errors, warnings, requests that failed. */
let complaints;

before(async () => {
  if (skip) {
    return;
  }
  site = await serve();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  // One for all pages: it keeps the compiled script.
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
});

after(async () => {
  await browser?.close();
  site?.close();
});

beforeEach(async () => {
  complaints = [];
  site.broken = false;
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.on('console', (message) => {
    // Grafana's own fonts are not in its packages.
    if (['error', 'warning'].includes(message.type()) && !message.location().url.includes('/public/fonts/')) {
      complaints.push(`${message.text()} (${message.location().url})`);
    }
  });
});

afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, []);
});

/** Opens an editor with a model, and returns the texts of the language. */
async function open(editor, language, model) {
  await page.goto(`${site.url}#${encodeURIComponent(JSON.stringify({ editor, language, model }))}`);
  await page.locator('main input').first().waitFor();
  return (key) => key.split('.').reduce((tree, part) => tree[part], texts[language]);
}

const model = () => page.evaluate(() => window.model);
const runs = () => page.evaluate(() => window.runs);
const status = () => page.getByRole('status').innerText();
const field = (label) => page.getByRole('combobox', { name: label, exact: true });
const option = (text) => page.getByRole('option').filter({ has: page.getByText(text, { exact: true }) });

async function choose(label, text) {
  await field(label).click();
  await option(text).first().click();
}

async function filter(label, words) {
  await field(label).click();
  for (const word of words) {
    await option(word).first().click();
    await option(word).first().locator('input:checked').waitFor({ state: 'attached' });
  }
  await page.keyboard.press('Escape');
}

/** Types a word at once: the lists of @grafana/ui lose letters where the machine is slow. */
const type = (text) => page.keyboard.insertText(text);

/** Takes the first option of a list, once it has settled: 200 ms after the last letter it is read anew. */
async function takeFirst() {
  await page.waitForTimeout(600);
  await page.keyboard.press('ArrowDown');
  await page.locator('input:focus[aria-activedescendant]:not([aria-activedescendant=""])').waitFor();
  const before = JSON.stringify(await model());
  await page.keyboard.press('Enter');
  await page.waitForFunction((model) => JSON.stringify(window.model) !== model, before);
}

async function accessible(but = []) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations
    .filter((v) => !but.includes(v.id))
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join('\n')}`);
  assert.deepEqual(found, []);
}

for (const language of ['en-US', 'fr-FR']) {
  describe(`in ${language}`, () => {
    test('the table of this test has every question', () => {
      assert.deepEqual(
        built.map((b) => b.question),
        Object.keys(questions)
      );
    });

    for (const { question, from = {}, choose: choices, limit, filters, model: expected } of built) {
      test(`${question} is built by clicking`, async () => {
        const t = await open('query', language, { refId: 'A', legacy: 'kept', ...from });
        await choose(t('form.question'), t(`question.${names[question] ?? question}`));
        for (const [label, word] of choices) {
          await choose(t(`form.${label}`), t(word));
        }
        if (limit) {
          const input = page.getByRole('spinbutton', { name: t('form.limit'), exact: true });
          await input.fill(String(limit));
          await input.blur();
        }
        for (const [label, values] of Object.entries(filters)) {
          await filter(
            t(`filter.${label}`),
            values.map((value) => (names[value] ? t(names[value]) : value))
          );
        }
        assert.deepEqual(await model(), { refId: 'A', legacy: 'kept', question, ...expected, filters });
        assert.ok((await runs()) > 0);
        assert.match(await status(), /\S/);
        assert.equal(await page.getByRole('alert').count(), 0);
        // Only what the question takes is asked for.
        const shown = await page.getByRole('combobox').count();
        const { of, as, over, by, filters: allowed } = questions[question];
        const asked = [of.length > 0, as.length > 0, over.length > 1, by.length > 1 && question !== 'topPages'];
        assert.equal(shown, 1 + asked.filter(Boolean).length + allowed.length);
        await accessible();
      });
    }

    test('what cannot be combined is said in place, and not run', async () => {
      const t = await open('query', language, { refId: 'A', filters: { device: ['mobile'] } });
      await choose(t('form.by'), t('label.section'));
      const words = t('problem.together').replace('{{a}}', t('label.section')).replace('{{b}}', t('label.device'));
      assert.equal(await status(), words);
      assert.equal(await runs(), 0);
      await accessible();
      await page.getByRole('button', { name: /clear/i }).or(page.getByTitle('Clear all')).first().click();
      assert.deepEqual((await model()).filters.device, []);
      assert.equal(await runs(), 1);
    });

    test('a saved query of another version is shown and can be mended', async () => {
      const t = await open('query', language, { refId: 'A', question: 'sales', filters: { site: ['a'] }, since: 9 });
      assert.match(await status(), /sales/);
      await choose(t('form.question'), t('question.direct'));
      assert.deepEqual(await model(), {
        refId: 'A',
        question: 'direct',
        by: '',
        over: 'time',
        filters: { site: ['a'] },
        since: 9,
      });
      await accessible();
    });

    test('the annotation editor asks for the shifts', async () => {
      const t = await open('annotation', language, { refId: 'Anno' });
      await choose(t('form.by'), t('label.site'));
      await filter(t('filter.site'), ['courier.example']);
      assert.deepEqual(await model(), {
        refId: 'Anno',
        question: 'shift',
        over: 'range',
        by: 'site',
        filters: { site: ['courier.example'] },
      });
      assert.equal(await field(t('form.question')).count(), 0);
      await accessible();
    });

    test('the variable editor asks for what is listed', async () => {
      const t = await open('variable', language, { refId: 'v' });
      assert.equal(await field(t('filter.site')).count(), 0);
      await choose(t('variable.label'), t('label.section'));
      await filter(t('filter.site'), ['$site', 'blog.example']);
      assert.deepEqual(await model(), { refId: 'v', label: 'section', site: ['$site', 'blog.example'] });
      await accessible();
    });

    test('the config editor sets the connection', async () => {
      const t = await open('config', language, {
        url: '',
        basicAuthUser: '',
        jsonData: {},
        secureJsonFields: {},
        version: 1,
      });
      await page.getByPlaceholder('http://localhost:9464').fill('http://prometheus.example:9090');
      await page.getByRole('combobox').first().click();
      await page.getByText(t('config.auth-basic'), { exact: true }).click();
      await page.locator('#basic-auth-user-input').fill('reader');
      await page.locator('#basic-auth-password-input').fill('secret');
      await page.getByRole('button', { name: `Expand section ${t('config.more')}` }).click();
      await page.getByLabel(t('config.time-interval')).fill('soon');
      assert.equal(await page.getByRole('alert').innerText(), t('config.duration'));
      await page.getByLabel(t('config.time-interval')).fill('15s');
      await page.getByLabel(t('config.query-timeout')).fill('1m');
      const { url, basicAuth, basicAuthUser, secureJsonData, jsonData, version } = await model();
      assert.deepEqual(
        { url, basicAuth, basicAuthUser, secureJsonData, jsonData, version },
        {
          url: 'http://prometheus.example:9090',
          basicAuth: true,
          basicAuthUser: 'reader',
          secureJsonData: { basicAuthPassword: 'secret' },
          jsonData: { timeInterval: '15s', queryTimeout: '1m', oauthPassThru: false },
          version: 1,
        }
      );
      assert.equal(await page.getByRole('alert').count(), 0);
      await accessible(config);
    });

    test('open lists are as accessible as those of @grafana/ui are', async () => {
      const t = await open('query', language, { refId: 'A' });
      await field(t('form.question')).click();
      await option(t('question.visits')).waitFor();
      await accessible(openList);
      await page.keyboard.press('Escape');
      await field(t('filter.channel')).click();
      await option(t('channel.dark-social')).waitFor();
      await accessible(openList);
    });
  });
}

test('each choice is run once', async () => {
  const t = await open('query', 'en-US', { refId: 'A' });
  let expected = 0;
  for (const [label, word] of [
    ['form.question', 'question.visits'],
    ['form.by', 'label.source'],
    ['form.question', 'question.direct'],
  ]) {
    await choose(t(label), t(word));
    await page.waitForTimeout(500);
    assert.equal(await runs(), ++expected, word);
  }
  await filter(t('filter.device'), [t('device.mobile'), t('device.tablet')]);
  await page.waitForTimeout(500);
  assert.equal(await runs(), expected + 2);
});

for (const model of [
  {},
  { question: null, of: null, by: null, as: null, over: null, filters: null, limit: null },
  { question: 7, by: ['site'], limit: 'ten', filters: [] },
  {
    question: 'visits',
    as: {},
    filters: { site: 'courier.example', device: null, section: [null, 7], planet: ['mars'] },
  },
  { expr: 'up', format: 'time_series', queryType: 'timeSeriesQuery', question: 'constructor' },
]) {
  test(`a model that nobody made, ${JSON.stringify(model)}, is shown and can be mended`, async () => {
    const t = await open('query', 'en-US', { refId: 'A', ...model });
    assert.match(await status(), /\S/);
    await choose(t('form.question'), t('question.conversions'));
    await filter(t('filter.site'), ['blog.example']);
    const { question, by, over, filters } = await page.evaluate(() => window.model);
    assert.deepEqual({ question, by, over }, { question: 'conversions', by: 'channel', over: 'range' });
    assert.equal(filters.site.at(-1), 'blog.example');
  });
}

test('the keyboard is enough', async () => {
  const t = await open('query', 'en-US', { refId: 'A' });
  await page.keyboard.press('Tab');
  await type('conv');
  await option(t('question.conversions')).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await field(t('form.of')).waitFor({ state: 'detached' });
  await page.keyboard.press('Tab');
  assert.equal(await field(t('form.over')).evaluate((e) => e === document.activeElement), true);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  const limit = page.getByRole('spinbutton', { name: t('form.limit') });
  assert.equal(await limit.evaluate((e) => e === document.activeElement), true);
  await type('7');
  await page.keyboard.press('Tab');
  await type('new.example');
  await option('new.example').waitFor();
  await takeFirst();
  await page.keyboard.press('Escape');
  const { question, by, limit: most, filters } = await model();
  assert.deepEqual(
    { question, by, most, filters },
    { question: 'conversions', by: 'channel', most: 7, filters: { site: ['new.example'] } }
  );
});

test('values are those of the chosen sites, asked for once', async () => {
  const t = await open('query', 'en-US', { refId: 'A', filters: { site: ['courier.example', 'blog.example'] } });
  site.requests.length = 0;
  await field(t('filter.section')).click();
  await option('/sport').waitFor();
  await type('poli');
  await option('/sport').waitFor({ state: 'detached' });
  await option('/actu/politique').click();
  assert.deepEqual((await model()).filters.section, ['/actu/politique']);
  assert.equal(site.requests.length, 1);
  const asked = site.requests[0].searchParams;
  assert.equal(asked.get('label'), 'section');
  assert.deepEqual(asked.getAll('site'), ['courier.example', 'blog.example']);
  assert.ok(Number(asked.get('to')) > Number(asked.get('from')));
});

test('where values cannot be read, it says why, and they can be typed', async () => {
  const t = await open('query', 'en-US', { refId: 'A' });
  site.broken = true;
  await field(t('filter.site')).click();
  await page.getByText('The server at http://prometheus:9090 does not answer.', { exact: false }).waitFor();
  await type('typed.example');
  await option('typed.example').waitFor();
  await takeFirst();
  assert.deepEqual((await model()).filters.site, ['typed.example']);
  // The browser itself reports the answer's status.
  assert.ok(
    complaints.every((c) => c.includes('502')),
    complaints.join('\n')
  );
  complaints = [];
});
