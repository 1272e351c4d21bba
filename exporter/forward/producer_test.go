package forward

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic, parts = "requests", 5

func cluster(t testing.TB, o ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(parts, topic)}, o...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// quick tries again soon.
var quick = []kgo.Opt{
	kgo.MetadataMinAge(10 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
}

func producer(t testing.TB, o Options) *Producer {
	t.Helper()
	o.Topic = topic
	o.client = append(o.client, quick...)
	p, err := NewProducer(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// batch makes records of visitors from first on, each with its number as its page.
func batch(t testing.TB, first, n int) *Batch {
	t.Helper()
	rules := testRules(t)
	enc := testSecret(t).NewEncoder(time.Minute)
	var b Batch
	for i := first; i < first+n; i++ {
		e := event(noon, 200, attribution.Verdict{Kind: schema.KindLanding, Page: fmt.Appendf(nil, "/%06d", i)})
		e.Client = fmt.Appendf(nil, "192.0.2.%d", i%50)
		enc.Add(&b, &Request{Event: e, Rules: rules, Site: "shop"})
	}
	return &b
}

// consume reads as many records of the topic, in the order of their partitions.
func consume(t testing.TB, brokers []string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var records []*kgo.Record
	for len(records) < n && ctx.Err() == nil {
		records = append(records, client.PollFetches(ctx).Records()...)
	}
	if len(records) != n {
		t.Fatalf("%d records, want %d", len(records), n)
	}
	return records
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestSend: all of a visitor's records come to one partition, in order, and each batch is
// acknowledged once.
func TestSend(t *testing.T) {
	c := cluster(t)
	p := producer(t, Options{Brokers: c.ListenAddrs()})
	var acknowledged atomic.Int64
	for i := range 10 {
		p.Send(batch(t, i*300, 300), func() { acknowledged.Add(1) })
	}
	p.Send(&Batch{}, func() { acknowledged.Add(1) })
	if err := p.Wait(t.Context()); err != nil || acknowledged.Load() != 11 || p.Pending() != 0 {
		t.Fatalf("%v: %d batches acknowledged, %d records pending", err, acknowledged.Load(), p.Pending())
	}
	d := NewDecoder(testRules(t), sites)
	partition, last, used := map[string]int32{}, map[string]string{}, map[int32]bool{}
	for _, r := range consume(t, c.ListenAddrs(), 3000) {
		var e visit.Event
		if _, reason := d.Decode(r.Value, &e); reason != schema.ReasonNone || string(r.Key) != string(e.Client) {
			t.Fatalf("%v, key %q: %s", reason, r.Key, r.Value)
		}
		who := string(e.Client)
		if n, ok := partition[who]; ok && n != r.Partition || last[who] >= string(e.Page) {
			t.Fatalf("visitor %s: partition %d after %d, page %s after %s", who, r.Partition, n, e.Page, last[who])
		}
		partition[who], last[who] = r.Partition, string(e.Page)
		used[r.Partition] = true
	}
	if len(partition) != 50 || len(used) != parts {
		t.Errorf("%d visitors in %d partitions", len(partition), len(used))
	}
	if !p.Stats().Up() {
		t.Error("it is down")
	}
}

// TestMidnightPlace: whose name changes keeps the partition.
func TestMidnightPlace(t *testing.T) {
	c := cluster(t)
	p := producer(t, Options{Brokers: c.ListenAddrs()})
	rules, enc := testRules(t), testSecret(t).NewEncoder(time.Minute)
	var b Batch
	for i := range 200 {
		for d := range 2 {
			e := event(noon.Add(time.Duration(d)*day), 200, attribution.Verdict{Kind: schema.KindLanding, Page: fmt.Appendf(nil, "/%d", i)})
			e.Client = fmt.Appendf(nil, "192.0.2.%d", i)
			enc.Add(&b, &Request{Event: e, Rules: rules, Site: "shop"})
		}
	}
	p.Send(&b, func() {})
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	partition, names := map[string]int32{}, map[string]bool{}
	for _, r := range consume(t, c.ListenAddrs(), 400) {
		_, page, _ := bytes.Cut(r.Value, []byte(`"page":"`))
		if n, ok := partition[string(page)]; ok && n != r.Partition {
			t.Fatalf("%s moved from partition %d to %d", page, n, r.Partition)
		}
		partition[string(page)] = r.Partition
		names[string(r.Key)] = true
	}
	if len(names) != 400 {
		t.Errorf("%d names of 200 visitors on two days", len(names))
	}
}

// A logBuffer takes log lines from several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRefused: what the brokers refuse is said, and sent until they take it.
func TestRefused(t *testing.T) {
	c := cluster(t)
	var refuse atomic.Bool
	refuse.Store(true)
	c.ControlKey(int16(kmsg.Produce), func(q kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !refuse.Load() {
			return nil, nil, false
		}
		req := q.(*kmsg.ProduceRequest)
		a := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range req.Topics {
			of := kmsg.NewProduceResponseTopic()
			of.Topic, of.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = partition.Partition, kerr.TopicAuthorizationFailed.Code
				of.Partitions = append(of.Partitions, p)
			}
			a.Topics = append(a.Topics, of)
		}
		return a, nil, true
	})
	var log logBuffer
	p := producer(t, Options{Brokers: c.ListenAddrs(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	var acknowledged atomic.Int64
	p.Send(batch(t, 0, 100), func() { acknowledged.Add(1) })
	eventually(t, "trouble", func() bool { return p.Stats().Errors(stream.ErrorConnection) > 0 })
	if acknowledged.Load() != 0 || p.Pending() != 100 || p.Stats().Up() || !strings.Contains(log.String(), "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("%d acknowledged, %d pending, up %v:\n%s", acknowledged.Load(), p.Pending(), p.Stats().Up(), log.String())
	}
	refuse.Store(false)
	if err := p.Wait(t.Context()); err != nil || acknowledged.Load() != 1 || p.Pending() != 0 || !p.Stats().Up() {
		t.Errorf("%v: %d acknowledged, %d pending, up %v", err, acknowledged.Load(), p.Pending(), p.Stats().Up())
	}
	consume(t, c.ListenAddrs(), 100)
	if !strings.Contains(log.String(), "taken again") {
		t.Errorf("the end of it is not said:\n%s", log.String())
	}
}

// TestAway: while there are no brokers, Send waits once there is much to wait with; what
// waited is sent when they come, or given up by Close.
func TestAway(t *testing.T) {
	c := cluster(t)
	port := c.ListenAddrs()[0]
	c.Close()
	p := producer(t, Options{Brokers: []string{port}, client: []kgo.Opt{kgo.MaxBufferedRecords(100)}})
	var acknowledged atomic.Int64
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range 3 {
			p.Send(batch(t, i*60, 60), func() { acknowledged.Add(1) })
		}
	}()
	eventually(t, "an error", func() bool { return p.Stats().Errors(stream.ErrorConnection) > 0 })
	select {
	case <-sent:
		t.Fatal("180 records went where there is room for 100")
	case <-time.After(100 * time.Millisecond):
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := p.Wait(ctx); err == nil {
		t.Error("it does not wait")
	}
	p.Close()
	<-sent
	if err := p.Wait(t.Context()); err == nil || acknowledged.Load() != 0 || p.Pending() == 0 {
		t.Errorf("%v: %d acknowledged, %d pending", err, acknowledged.Load(), p.Pending())
	}
}

func TestNewProducer(t *testing.T) {
	for want, o := range map[string]Options{
		"topic":  {Brokers: []string{"127.0.0.1:1"}},
		"broker": {Topic: topic},
	} {
		if _, err := NewProducer(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// BenchmarkSend sends to brokers within the process.
func BenchmarkSend(b *testing.B) {
	c := cluster(b)
	p := producer(b, Options{Brokers: c.ListenAddrs()})
	const n = 1000
	source := batch(b, 0, n)
	free := make(chan *Batch, 8)
	for range cap(free) {
		copied := &Batch{data: bytes.Clone(source.data), ends: source.ends, routes: append([]route(nil), source.routes...)}
		free <- copied
	}
	b.SetBytes(int64(len(source.data)))
	b.ReportAllocs()
	for b.Loop() {
		one := <-free
		p.Send(one, func() { free <- one })
	}
	_ = p.Wait(context.Background())
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
