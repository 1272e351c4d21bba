package datasource

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// An authority issues certificates.
type authority struct {
	identity
	parsed  *x509.Certificate
	private *ecdsa.PrivateKey
}

// An identity is a certificate and its key, in PEM.
type identity struct{ cert, key string }

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.identity, a.parsed, a.private = certify(t, template, name, time.Now().Add(time.Hour), nil)
	return a
}

// issue issues a certificate that ends at a time; with hosts, a server's.
func (a *authority) issue(t *testing.T, name string, until time.Time, hosts ...string) identity {
	template := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, host := range hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	i, _, _ := certify(t, template, name, until, a)
	return i
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.parsed)
	return p
}

// certify has a certificate signed by an authority, or by itself.
func certify(t *testing.T, template *x509.Certificate, name string, until time.Time, by *authority) (identity, *x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = until.Add(-48*time.Hour), until
	parent, signer := template, key
	if by != nil {
		parent, signer = by.parsed, by.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return identity{text("CERTIFICATE", der), text("PRIVATE KEY", private)}, parsed, key
}

func (i identity) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(i.cert), []byte(i.key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
