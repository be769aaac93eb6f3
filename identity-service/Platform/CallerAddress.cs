using System.Net;
using AuthMesh.Requests;

namespace AuthMesh.Identity.Platform;

/// <summary>Where a request began. The gateway writes it down from the connection; from anybody else it is a claim.</summary>
internal sealed class CallerAddress(ServiceCredential credential)
{
    /// <returns>The address as a person would write it, or nothing where nobody trustworthy said.</returns>
    public string Of(HttpContext context) => Find(context)?.ToString() ?? "";

    /// <summary>What is counted as one caller.</summary>
    /// <returns>The network, or nothing where nobody trustworthy said; all of those are one.</returns>
    public string NetworkOf(HttpContext context) => Find(context) is { } address ? ClientNetwork.Of(address).ToString() : "";

    private IPAddress? Find(HttpContext context) =>
        credential.IsOn(context.Request) && IPAddress.TryParse(context.Request.Headers["X-Forwarded-For"], out var address)
            ? address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address
            : null;
}
