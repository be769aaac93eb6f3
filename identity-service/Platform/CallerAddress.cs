using System.Net;
using AuthMesh.Requests;

namespace AuthMesh.Identity.Platform;

/// <summary>The client address of a request, as the gateway forwards it. From any other sender it is only a claim and is ignored.</summary>
internal sealed class CallerAddress(ServiceKey serviceKey)
{
    /// <returns>The address in its usual notation, or an empty text if no trusted service sent it.</returns>
    public string Of(HttpContext context) => Find(context)?.ToString() ?? "";

    /// <summary>The network that counts as one caller.</summary>
    /// <returns>The network, or an empty text if no trusted service sent it; all those requests count as one caller.</returns>
    public string NetworkOf(HttpContext context) => Find(context) is { } address ? ClientNetwork.Of(address).ToString() : "";

    private IPAddress? Find(HttpContext context) =>
        serviceKey.IsOn(context.Request) && IPAddress.TryParse(context.Request.Headers["X-Forwarded-For"], out var address)
            ? address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address
            : null;
}
