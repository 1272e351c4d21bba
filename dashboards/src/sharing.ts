import { NOTHING_SHARED, SEEN } from './meaning';
import { Panels } from './panel';
import { address, shell, shiftMarks, source, variable } from './shell';
import { Language } from './text';

const empty = NOTHING_SHARED.shares;

/** Link previews: the moment at which people share. */
export function sharing(language: Language) {
  const p = new Panels(language);
  return shell(
    {
      name: 'sharing',
      title: { en: 'Dark social, sharing', fr: 'Dark social, partages' },
      about: {
        en: 'The links that people paste into apps: which apps, in private or in public, which pages, and what comes of it.',
        fr: 'Les liens que les gens collent dans les applications : lesquelles, en privé ou en public, quelles pages, et ce qui en vient.',
      },
      from: 'now-7d',
      refresh: '5m',
    },
    language
  )
    .withVariable(variable('site', language))
    .withVariable(source(language))
    .annotation(shiftMarks(['site'], language))

    .withPanel(
      p.numbers({
        id: 1,
        title: { en: 'How much was shared?', fr: 'Combien a été partagé ?' },
        about: {
          en: 'Shares that could be seen, the private visits in the same time, and how many visits that is for each share.',
          fr: 'Les partages qui ont pu être vus, les visites privées pendant ce temps, et combien de visites cela fait par partage.',
        },
        size: [12, 5],
        empty,
        ask: { question: 'shares', over: 'range', variables: ['site'] },
        of: ['Shares', 'Private visits', 'Private visits per share'],
      })
    )
    .withPanel(
      p.words({
        id: 2,
        title: { en: 'What is a share here?', fr: 'Qu’est-ce qu’un partage ici ?' },
        about: { en: 'How to read the shares.', fr: 'Comment lire les partages.' },
        size: [12, 5],
        text: {
          en: `Who pastes a link into a messenger sees a **preview** of the page: the app has fetched it. darkshare counts these fetches, those of one share once. It knows the app and the page, nothing of the person.

Apps that show no preview, and mail, are not seen: there are more shares than these.`,
          fr: `Qui colle un lien dans une messagerie voit un **aperçu** de la page : l’application l’a demandée. darkshare compte ces demandes, celles d’un même partage une seule fois. Il connaît l’application et la page, rien de la personne.

Les applications sans aperçu, et l’e-mail, ne se voient pas : il y a plus de partages que ceux-ci.`,
        },
      })
    )

    .withPanel(
      p.lines({
        id: 3,
        title: { en: 'In private or in public, over time', fr: 'En privé ou en public, au fil du temps' },
        about: {
          en: 'Shares by who sees them. Some apps fetch previews for private messages and for public posts in the same way: nobody can tell these apart.',
          fr: 'Les partages selon qui les voit. Certaines applications demandent les aperçus des messages privés et des publications publiques de la même façon : personne ne peut les distinguer.',
        },
        size: [16, 9],
        empty,
        bars: true,
        stacked: 'normal',
        ask: { question: 'shares', by: 'scope', variables: ['site'] },
      })
    )
    .withPanel(
      p.bars({
        id: 4,
        title: { en: 'In private or in public?', fr: 'En privé ou en public ?' },
        about: {
          en: 'Shares in the time range by who sees them.',
          fr: 'Les partages de la période selon qui les voit.',
        },
        size: [8, 9],
        empty,
        ask: { question: 'shares', by: 'scope', over: 'range', variables: ['site'] },
        by: 'Shown',
        of: 'Shares',
        unit: 'locale',
        colours: SEEN,
      })
    )
    .withPanel(
      p.rows({
        id: 5,
        title: { en: 'Into which apps?', fr: 'Dans quelles applications ?' },
        about: {
          en: 'Shares by app, to whom the app shows them, and the private visits that came from the same app and showed it. Not every visit does.',
          fr: 'Les partages par application, à qui elle les montre, et les visites privées venues de la même application qui l’ont montré. Toutes ne le font pas.',
        },
        size: [24, 12],
        empty,
        ask: { question: 'shares', by: 'app', over: 'range', limit: 20, variables: ['site'] },
        columns: ['App', 'Shares', 'Shown', 'Private visits'],
        looks: p.countLooks('Shares'),
      })
    )
    .withPanel(
      p.trends({
        id: 6,
        title: { en: 'How does it go, app by app?', fr: 'Comment évolue chaque application ?' },
        about: {
          en: 'Shares by app over time, each on a scale of its own, with the total beside it.',
          fr: 'Les partages par application au fil du temps, chacune à son échelle, avec son total à côté.',
        },
        size: [12, 12],
        empty,
        interval: '6h',
        ask: { question: 'shares', by: 'app', limit: 10, variables: ['site'] },
      })
    )
    .withPanel(
      p.rows({
        id: 7,
        title: { en: 'Which pages are shared the most?', fr: 'Quelles pages sont le plus partagées ?' },
        about: {
          en: 'The pages with the most shares, and the private visits for each share. A click on a page shows it in depth.',
          fr: 'Les pages les plus partagées, et les visites privées pour chaque partage. Un clic sur une page la montre en détail.',
        },
        size: [12, 12],
        empty,
        ask: { question: 'shares', by: 'page', over: 'range', limit: 15, variables: ['site'] },
        columns: ['Page', 'Shares', 'Private visits', 'Private visits per share'],
        looks: p.pageLooks(address('pages', language)),
        narrow: true,
      })
    );
}
