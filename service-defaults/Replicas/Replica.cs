using System.Net;

namespace AuthMesh.Replicas;

/// <summary>One replica behind a configured address.</summary>
/// <param name="Address">The configured address, with an IP address in place of its name.</param>
/// <param name="Host">
/// The configured host, for the Host header and thereby for TLS; null if <paramref name="Address"/> is the configured address.
/// </param>
internal sealed record Replica(Uri Address, string? Host)
{
    /// <summary>The replica that has one of the addresses of a name.</summary>
    public static Replica At(Uri named, IPAddress address) =>
        new(new UriBuilder(named) { Host = address.ToString() }.Uri, named.Authority);
}
