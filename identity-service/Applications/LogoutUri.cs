using System.Net;

namespace AuthMesh.Identity.Applications;

/// <summary>The rule for the address at which an application is told of the end of a session (Back-Channel Logout 1.0 §2.2).</summary>
internal static class LogoutUri
{
    private const string Rule =
        "must be https, without fragment and user, and written in its shortest form with a path, such as https://app.example.com/logout";

    private const string Setting = "Identity:BackchannelLogout:AllowedNetworks";

    /// <returns>Why an application must not register the address, as the end of a sentence; or null.</returns>
    public static string? FindFault(string uri, LogoutNetworks networks)
    {
        if (!RedirectUri.TryParse(uri, out var parsed) || parsed.Scheme is not ("https" or "http") || parsed.Host.Length == 0)
        {
            return Rule;
        }

        // The addresses of a name may change, so each delivery checks them.
        var isEncrypted = parsed.Scheme == "https";
        if (AddressOf(parsed) is { } address)
        {
            return networks.MayConnect(address, isEncrypted) ? null
                : isEncrypted ? $"must not lead to an inner address, unless {Setting} has it"
                : $"must be https, unless {Setting} has its address";
        }

        return isEncrypted || networks.HasAny ? null : $"must be https, unless {Setting} has its address";
    }

    // RFC 6761 §6.3: the name localhost always leads to this machine.
    private static IPAddress? AddressOf(Uri uri) =>
        IPAddress.TryParse(uri.IdnHost, out var address) ? address
        : uri.IdnHost == "localhost" || uri.IdnHost.EndsWith(".localhost", StringComparison.Ordinal) ? IPAddress.Loopback
        : null;
}
