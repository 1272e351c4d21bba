package config

// paths returns every path that the section has.
func (f *Forward) paths() []*string {
	paths := []*string{&f.SecretFile}
	if f.Kafka != nil {
		paths = append(paths, f.Kafka.paths()...)
	}
	return paths
}

func checkForward(d *decoder, c *Config) {
	const topic, secret = "forward.kafka", "forward.secret_file"
	switch {
	case d.given(topic) && !d.given(secret):
		d.add(d.lines[topic], "forward", `missing key "secret_file": visitors are named by a secret that all have who write to the topic`)
	case d.given(secret) && !d.given(topic):
		d.add(d.lines[secret], "forward", `missing key "kafka": where to?`)
	}
	if c.Forward.Kafka == nil {
		return
	}
	checkClientTLS(d, topic+".tls", c.Forward.Kafka.TLS)
	for i := range c.Inputs {
		if in := &c.Inputs[i]; in.Kafka != nil && in.Format == ForwardedFormat {
			at := inputPath(i) + ".format"
			d.add(d.lines[at], at, "%s has been forwarded already: a darkshare forwards or counts", quote(in.Format))
		}
	}
}
