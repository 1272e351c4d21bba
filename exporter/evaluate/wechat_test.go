package evaluate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
)

const (
	wechatAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003133) NetType/4G Language/zh_CN"
	phoneAgent  = "Mozilla/5.0 (Linux; Android 13; V2203A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/121.0.6167.71 Mobile Safari/537.36 VivoBrowser/20.2.0.1"
	desktop     = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)

// TestAccuracyWeChat: shared/DESIGN.md tells of a real log in which WeChat's own
// tag says who shared: 159 of 160 private visits without a referrer, 138 of them to
// one page a level deep, 43 % without a sign of the app. With the tags taken away,
// nine of ten are still dark social.
func TestAccuracyWeChat(t *testing.T) {
	for seed := range uint64(5) {
		private, log := wechatLog(rand.New(rand.NewPCG(seed, 160)))
		r := &result{found: map[uint64]finding{}}
		format, err := accesslog.Compile("combined")
		if err != nil {
			t.Fatal(err)
		}
		engine, err := pipeline.New(pipeline.Options{
			Rules:    attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}},
			Observer: observer{r.found},
		})
		if err != nil {
			t.Fatal(err)
		}
		engine.AddInput(pipeline.Input{Name: "wechat", Format: format, Site: host})
		blocks := make(chan *stream.Block)
		go func() {
			defer close(blocks)
			_ = stream.Reader(strings.NewReader(log), stream.Options{}).Run(context.Background(), blocks)
		}()
		if err := engine.Run(context.Background(), blocks); err != nil {
			t.Fatal(err)
		}
		dark := 0
		for line := range private {
			if f := r.found[line]; f.resolved && f.outcome.Channel == schema.ChannelDarkSocial {
				dark++
			}
		}
		if len(private) != 160 || dark < 144 {
			t.Errorf("seed %d: %d of %d private visits are dark social, want nine of ten", seed, dark, len(private))
		}
		t.Logf("seed %d: %d of %d private visits without their tags are dark social", seed, dark, len(private))
	}
}

// wechatLog makes up such a log. It returns the lines of the private visits, their
// tags taken away.
func wechatLog(rnd *rand.Rand) (private map[uint64]bool, log string) {
	type record struct {
		at      time.Duration
		text    string
		private bool
	}
	var records []record
	begin := time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC)
	add := func(at time.Duration, who int, path, referer, agent string, private bool) {
		text := fmt.Sprintf("10.%d.%d.%d - - [%s] \"GET %s HTTP/1.1\" 200 5120 %q %q\n", who>>16, who>>8&255, who&255,
			begin.Add(at).Format("02/Jan/2006:15:04:05 -0700"), path, referer, agent)
		records = append(records, record{at, text, private})
	}
	who := 0
	visit := func(path, referer, agent string, private bool, onward ...string) {
		who++
		at := time.Duration(rnd.Int64N(int64(72 * time.Hour)))
		add(at, who, path, referer, agent, private)
		url := "https://" + host + path
		add(at+time.Second, who, "/static/app.css", url, agent, false)
		for i, next := range onward {
			add(at+time.Duration(i+1)*time.Minute, who, next, url, agent, false)
			url = "https://" + host + next
		}
	}
	page := func() string { return fmt.Sprintf("/news/%d.html", rnd.IntN(300)) }
	for i := range 160 {
		path, agent := "/invitation", wechatAgent
		if i >= 138 {
			path = page()
		}
		if rnd.Float64() < 0.43 {
			agent = phoneAgent
		}
		// One visit in ten goes on, from the invitation to few pages.
		if rnd.IntN(10) == 0 {
			visit(path, "-", agent, true, fmt.Sprintf("/invitation/step%d", rnd.IntN(4)))
		} else {
			visit(path, "-", agent, true)
		}
	}
	for range 600 {
		visit(page(), "https://www.baidu.com/", desktop, false)
		visit("/", "-", desktop, false, page(), page())
		visit("/news/", "-", desktop, false, page())
	}
	slices.SortStableFunc(records, func(a, b record) int { return int(a.at - b.at) })
	private = map[uint64]bool{}
	var b strings.Builder
	for i, r := range records {
		b.WriteString(r.text)
		if r.private {
			private[uint64(i+1)] = true
		}
	}
	return private, b.String()
}
