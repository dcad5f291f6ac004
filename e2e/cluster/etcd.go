package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startLimit is how long etcd may take to start on a machine that does other things too.
const startLimit = time.Minute

// runEtcd serves one member on loopback until it is told to end.
func runEtcd(arguments []string) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	folder := flags.String("data-dir", "etcd", "where the data is kept")
	health := flags.String("health-address", "127.0.0.1:2381", "where health is told")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	if err := serveEtcd(etcdConfig(*folder, *health)); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	return 0
}

func serveEtcd(config *embed.Config) error {
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-server.Server.ReadyNotify():
	case <-ends:
		return nil
	case <-time.After(startLimit):
		return fmt.Errorf("it was not ready within %s", startLimit)
	}
	select {
	case <-ends:
		return nil
	case err := <-server.Err():
		return err
	}
}

// etcdConfig gives up durability: the data lives no longer than the cluster.
func etcdConfig(folder, health string) *embed.Config {
	config := embed.NewConfig()
	config.Dir = folder
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true
	clients := []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	peers := []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = clients, clients
	config.ListenPeerUrls, config.AdvertisePeerUrls = peers, peers
	config.ListenMetricsUrls = []url.URL{{Scheme: "http", Host: health}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	return config
}
