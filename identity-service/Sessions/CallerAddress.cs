using System.Net;

namespace AuthMesh.Identity.Sessions;

/// <summary>Where a request began. The gateway writes it down from the connection; from anybody else it is a claim.</summary>
internal static class CallerAddress
{
    /// <returns>The address as a person would write it, or nothing where nobody trustworthy said.</returns>
    public static string Of(HttpContext context) =>
        IsFromService(context) && IPAddress.TryParse(context.Request.Headers["X-Forwarded-For"], out var address)
            ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString()
            : "";

    // Until a service can prove to be one.
    private static bool IsFromService(HttpContext context) => false;
}
