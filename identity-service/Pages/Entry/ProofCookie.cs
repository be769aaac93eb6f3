using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Pages.Entry;

/// <summary>
/// Keeps the token of a mailed link while its reader fills in the form. It leaves the address bar at once, so that it stays in no history
/// and in no later URL.
/// </summary>
internal sealed class ProofCookie(HostCookies cookies)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    // Twice the length of a token. A longer text is no token, and would only make the cookie large.
    private const int Longest = 60;

    /// <summary>Moves the token of the link into the cookie.</summary>
    /// <returns>The way to the same page without the token, or null if the request brings none.</returns>
    public IResult? Take(Visit visit)
    {
        if (visit.Context.Request.Query["token"] is not [{ } token])
        {
            return null;
        }

        var isPossible = token.Length is > 0 and <= Longest && token.All(char.IsAsciiLetterOrDigit);
        cookies.Append(visit.Context.Response, cookies.ProofName, isPossible ? token : "", isPossible ? Lifetime : TimeSpan.Zero);
        return Visit.To(visit.Context.Request.Path);
    }

    /// <returns>The token, or null.</returns>
    public string? Find(HttpRequest request) => HostCookies.Find(request, cookies.ProofName);

    public void Clear(HttpResponse response) => cookies.Append(response, cookies.ProofName, "", TimeSpan.Zero);
}
