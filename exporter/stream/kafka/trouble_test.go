package kafka

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

// A consumer that the group has given up says so, and when its partitions come back to
// it, it counts nothing twice, committed or not.
func TestLost(t *testing.T) {
	c := cluster(t)
	p := produce(t, c.ListenAddrs())
	var log streamtest.Log
	o := options(c)
	o.Logger = log.Logger()
	var broken atomic.Bool
	o.BeforeCommit = func(context.Context) error {
		if broken.Load() {
			return errKilled
		}
		return nil
	}
	r := receiver(t, o)
	sink := streamtest.Run(t, r, streamtest.Options{})
	p.send(1000)
	streamtest.Eventually(t, func() string {
		if n := committed(t, c); n != 1000 {
			return fmt.Sprintf("%d committed", n)
		}
		return ""
	})
	broken.Store(true)
	p.send(100)
	streamtest.Eventually(t, count(sink, 1100))
	c.ControlKey(int16(kmsg.Heartbeat), func(q kmsg.Request) (kmsg.Response, error, bool) {
		a := q.ResponseKind().(*kmsg.HeartbeatResponse)
		a.ErrorCode = kerr.UnknownMemberID.Code
		return a, nil, true
	})
	streamtest.Eventually(t, func() string {
		if !strings.Contains(log.String(), "the group has given partitions") {
			return "nothing is said"
		}
		return ""
	})
	p.send(100)
	streamtest.Eventually(t, count(sink, 1200))
	if sink.Different() != 1200 || sink.Twice() != 0 {
		t.Errorf("%d different, %d twice", sink.Different(), sink.Twice())
	}
	if !strings.Contains(log.String(), "records=100") || r.Stats().Errors(stream.ErrorConnection) == 0 {
		t.Errorf("it is not said:\n%s", log.String())
	}
	broken.Store(false)
	p.send(10)
	streamtest.Eventually(t, func() string {
		if n := committed(t, c); n != 1210 {
			return fmt.Sprintf("%d committed", n)
		}
		return ""
	})
	if !r.Stats().Up() {
		t.Error("it is down")
	}
}

// Brokers that go away take the input down, and are come back to.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	var log streamtest.Log
	r := receiver(t, Options{Brokers: []string{fmt.Sprint("127.0.0.1:", port)}, Topic: topic, StartAt: stream.StartAtBeginning, client: quick,
		Options: stream.Options{Logger: log.Logger()}})
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.Stats().LastError() == "" || r.Stats().Errors(stream.ErrorConnection) == 0 {
			return "nothing is said"
		}
		return ""
	})
	if r.Stats().Up() || !strings.Contains(log.String(), "cannot connect to the broker") || !strings.Contains(log.String(), "advice=") {
		t.Errorf("up %v:\n%s", r.Stats().Up(), log.String())
	}
	c := cluster(t, kfake.Ports(port))
	produce(t, c.ListenAddrs()).send(10)
	streamtest.Eventually(t, count(sink, 10))
	if !r.Stats().Up() {
		t.Error("it is down")
	}
}

// An end without brokers is an end.
func TestEndUnreachable(t *testing.T) {
	c := cluster(t)
	r := receiver(t, options(c))
	sink := streamtest.Run(t, r, streamtest.Options{})
	produce(t, c.ListenAddrs()).send(10)
	streamtest.Eventually(t, count(sink, 10))
	c.Close()
	start := time.Now()
	if err := sink.Stop(); err != context.Canceled || time.Since(start) > 2*patience {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestMissingTopic(t *testing.T) {
	c := cluster(t, kfake.AllowAutoTopicCreation())
	var log streamtest.Log
	o := options(c)
	o.Topic, o.Logger = "other", log.Logger()
	r := receiver(t, o)
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.Stats().Errors(stream.ErrorConnection) == 0 || !strings.Contains(log.String(), "other") {
			return "nothing is said:\n" + log.String()
		}
		return ""
	})
	if r.Stats().Up() {
		t.Error("it is up")
	}
	p := produce(t, c.ListenAddrs(), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("other"))
	p.send(10)
	streamtest.Eventually(t, count(sink, 10))
	if !r.Stats().Up() {
		t.Error("it is down")
	}
}

func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			certs := streamtest.NewCerts(t)
			c := cluster(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "reader", "secret"), kfake.TLS(certs.Server))
			var log streamtest.Log
			var password atomic.Value
			password.Store("wrong")
			o := options(c)
			o.TLS, o.Logger = certs.Client, log.Logger()
			o.SASL = &SASL{Mechanism: mechanism, Username: "reader", Password: func() (string, error) { return password.Load().(string), nil }}
			r := receiver(t, o)
			sink := streamtest.Run(t, r, streamtest.Options{})
			streamtest.Eventually(t, func() string {
				if !strings.Contains(log.String(), "SASL mechanism, user name and password") {
					return "a wrong password is not told of:\n" + log.String()
				}
				return ""
			})
			password.Store("secret")
			s := *o.SASL
			m, err := s.mechanism()
			if err != nil {
				t.Fatal(err)
			}
			produce(t, c.ListenAddrs(), kgo.DialTLSConfig(certs.Client), kgo.SASL(m)).send(10)
			streamtest.Eventually(t, count(sink, 10))
			if strings.Contains(log.String(), "secret") {
				t.Error("the password is in the log")
			}
		})
	}
}

func TestTLS(t *testing.T) {
	certs := streamtest.NewCerts(t)
	c := cluster(t, kfake.TLS(certs.Server))
	var log streamtest.Log
	o := options(c)
	o.TLS, o.Logger = certs.Stranger, log.Logger()
	r := receiver(t, o)
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.Stats().Errors(stream.ErrorTLS) == 0 || r.Stats().Up() {
			return fmt.Sprintf("a missing certificate is not told of:\n%s", log.String())
		}
		return ""
	})
	sink.Stop()
}

func TestOptions(t *testing.T) {
	some := []string{"127.0.0.1:9092"}
	password := func() (string, error) { return "", nil }
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Brokers: some}, "topic"},
		{Options{Topic: topic}, "broker"},
		{Options{Brokers: some, Topic: topic, SASL: &SASL{Mechanism: "GSSAPI", Username: "u", Password: password}}, "GSSAPI"},
		{Options{Brokers: some, Topic: topic, SASL: &SASL{Mechanism: "PLAIN", Password: password}}, "user name"},
		{Options{Brokers: some, Topic: topic, SASL: &SASL{Mechanism: "PLAIN", Username: "u"}}, "password"},
		{Options{Brokers: some, Topic: topic}, ""},
	} {
		_, err := New(c.o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
