package attribution

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// tagged says what a query's tags name.
func tagged(r *Rules, query string) string {
	f := r.tags.find([]byte(query), new(tagWords))
	if f.rule == ruleNone {
		return "nothing"
	}
	return f.sender.channel().String() + " " + r.SourceName(f.sender.source)
}

// TestTagsGA4 goes through the table of GA4's default channels
// (https://support.google.com/analytics/answer/9756891), with what darkshare
// makes of each row.
func TestTagsGA4(t *testing.T) {
	r := newRules(t, Options{})
	for _, row := range []struct{ channel, query, want string }{
		{"Direct", "utm_source=(direct)&utm_medium=(none)", "nothing"},
		{"Direct", "utm_source=%28direct%29&utm_medium=(not%20set)", "nothing"},
		{"Cross-network", "utm_source=google&utm_campaign=Summer_Cross-Network", "paid google"},
		{"Paid Shopping", "utm_source=amazon&utm_medium=cpc", "paid amazon"},
		{"Paid Search", "utm_source=google&utm_medium=cpc", "paid google"},
		{"Paid Search", "utm_source=bing&utm_medium=PPC", "paid bing"},
		{"Paid Search", "utm_source=baidu&utm_medium=retargeting", "paid baidu"},
		{"Paid Social", "utm_source=facebook&utm_medium=paid-social", "paid facebook"},
		{"Paid Social", "utm_source=fb&utm_medium=paid", "paid facebook"},
		{"Paid Video", "utm_source=youtube&utm_medium=cpv_cpm", "paid youtube"},
		{"Display", "utm_source=some_site&utm_medium=display", "paid other"},
		{"Display", "utm_source=some_site&utm_medium=banner", "paid other"},
		{"Display", "utm_source=some_site&utm_medium=expandable", "paid other"},
		{"Display", "utm_source=some_site&utm_medium=interstitial", "paid other"},
		{"Display", "utm_source=some_site&utm_medium=cpm", "paid other"},
		{"Paid Other", "utm_source=some_site&utm_medium=paid_whatever", "paid other"},
		{"Organic Shopping", "utm_source=ebay&utm_medium=social", "referral ebay"},
		{"Organic Shopping", "utm_source=Google+Shopping", "referral other"},
		{"Organic Social", "utm_source=facebook", "social facebook"},
		{"Organic Social", "utm_source=facebook.com&utm_medium=referral", "social facebook"},
		{"Organic Social", "utm_source=ig&utm_medium=bio", "social instagram"},
		{"Organic Social", "utm_source=our_page&utm_medium=social", "social other"},
		{"Organic Social", "utm_source=our_page&utm_medium=social%20network", "social other"},
		{"Organic Social", "utm_source=our_page&utm_medium=sm", "social other"},
		{"Organic Social", "utm_source=linkedin&utm_medium=email", "social linkedin"},
		{"Organic Video", "utm_source=twitch", "referral twitch"},
		{"Organic Video", "utm_source=some_site&utm_medium=video-embed", "referral other"},
		{"Organic Search", "utm_source=google", "search google"},
		{"Organic Search", "utm_source=some_engine&utm_medium=organic", "search other"},
		{"Email", "utm_source=email", "email newsletter"},
		{"Email", "utm_source=e-mail", "email newsletter"},
		{"Email", "utm_source=spring&utm_medium=e_mail", "email newsletter"},
		{"Email", "utm_source=mailchimp&utm_medium=e%20mail", "email mailchimp"},
		{"Email", "utm_source=gmail&utm_medium=email", "email gmail"},
		{"Affiliates", "utm_source=some_site&utm_medium=affiliate", "referral other"},
		{"Referral", "utm_source=some_site&utm_medium=referral", "referral other"},
		{"Referral", "utm_source=some_site&utm_medium=app", "referral other"},
		{"Referral", "utm_source=some_site&utm_medium=link", "referral other"},
		{"Audio", "utm_source=our_podcast&utm_medium=audio", "referral other"},
		{"SMS", "utm_source=sms", "dark_social sms"},
		{"SMS", "utm_source=spring&utm_medium=sms", "dark_social sms"},
		{"Mobile Push", "utm_source=firebase", "referral other"},
		{"Mobile Push", "utm_source=our_app&utm_medium=web_push", "referral other"},
		{"Mobile Push", "utm_source=our_app&utm_medium=notification", "referral other"},
		{"Unassigned", "utm_source=some_site", "referral other"},
		{"Unassigned", "utm_medium=poster", "referral other"},

		// Dark social, which GA4 has under Organic Social, Email or nowhere.
		{"dark", "utm_source=whatsapp&utm_medium=social", "dark_social whatsapp"},
		{"dark", "utm_source=WhatsApp&utm_medium=share", "dark_social whatsapp"},
		{"dark", "utm_source=telegram", "dark_social telegram"},
		{"dark", "utm_source=signal", "dark_social signal"},
		{"dark", "utm_source=messenger&utm_medium=social", "dark_social messenger"},
		{"dark", "utm_source=facebook&utm_medium=messenger", "dark_social messenger"},
		{"dark", "utm_source=instagram&utm_medium=dm", "dark_social instagram"},
		{"dark", "utm_source=viber", "dark_social viber"},
		{"dark", "utm_source=wechat&utm_medium=social", "dark_social wechat"},
		{"dark", "utm_source=line", "dark_social line"},
		{"dark", "utm_source=kakao", "dark_social kakaotalk"},
		{"dark", "utm_source=discord&utm_medium=referral", "dark_social discord"},
		{"dark", "utm_source=slack", "dark_social slack"},
		{"dark", "utm_source=teams", "dark_social teams"},
		{"dark", "utm_source=skype", "dark_social skype"},
		{"dark", "utm_source=copy", "dark_social copy"},
		{"dark", "utm_source=sharethis%20copy", "dark_social copy"},
		{"dark", "utm_source=article&utm_medium=copy_link", "dark_social copy"},
		{"dark", "utm_source=airdrop", "dark_social airdrop"},
		{"dark", "utm_source=iMessage", "dark_social imessage"},
		{"dark", "utm_source=gmail", "dark_social gmail"},
		{"dark", "utm_source=web.whatsapp.com", "dark_social whatsapp"},
		{"dark but paid", "utm_source=whatsapp&utm_medium=cpc", "paid whatsapp"},

		{"AI", "utm_source=chatgpt.com", "ai chatgpt"},
		{"AI", "utm_source=perplexity&utm_medium=referral", "ai perplexity"},
		{"Matomo", "mtm_source=newsletter&mtm_medium=email", "email newsletter"},
		{"Matomo", "pk_source=whatsapp", "dark_social whatsapp"},
		{"the first counts", "utm_source=google&utm_source=whatsapp", "search google"},
	} {
		if got := tagged(r, row.query); got != row.want {
			t.Errorf("%s: %s: %s, want %s", row.channel, row.query, got, row.want)
		}
	}
}

// TestTagCorpus looks at the parameters that name an app.
func TestTagCorpus(t *testing.T) {
	r := newRules(t, Options{})
	f, err := os.Open(referrerCorpus(t, "query_markers.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// Spotify's and YouTube's si is on their own links, and too short a name to mean
	// only that on other sites.
	skip := map[string]bool{"si": true}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cols := strings.Split(lines.Text(), "\t")
		if cols[0] == "param" {
			continue
		}
		for _, param := range strings.Split(cols[0], "|") {
			for _, value := range strings.Split(strings.ReplaceAll(cols[1], "*", "x1"), "|") {
				got, _, _ := strings.Cut(tagged(r, param+"="+value), " ")
				want := "dark_social social paid"
				switch {
				case skip[param]:
					want = "nothing"
				case strings.HasPrefix(cols[3], "ad click"):
					want = "paid"
				case strings.Contains(cols[3], "private"), cols[3] == "sms":
					want = "dark_social social"
				case cols[3] == "mail", strings.Contains(cols[3], "mail"):
					want = "email"
				case strings.HasPrefix(cols[3], "shopping"):
					want = "search"
				}
				if param == "utm_medium" || param == "utm_source" {
					want = "email dark_social"
				}
				if !strings.Contains(want, got) {
					t.Errorf("%s=%s: %s, want %s (%s)", param, value, got, want, cols[3])
				}
			}
		}
	}
}

func TestDecode(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"", ""},
		{"Plain", "plain"},
		{"a+b%20C", "a b c"},
		{"%", "%"},
		{"%4", "%4"},
		{"%zz%41", "%zza"},
		{"+x+", "x"},
		{strings.Repeat("x", 200), strings.Repeat("x", wordSize)},
	} {
		var word [wordSize]byte
		if got := string(decode(&word, []byte(row.in))); got != row.want {
			t.Errorf("%q: %q, want %q", row.in, got, row.want)
		}
	}
}
