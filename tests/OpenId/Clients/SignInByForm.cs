using System.Net;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>
/// A browser without scripts, and a person who uses it: it keeps cookies and follows redirects and pages that lead on by themselves. At the
/// provider, the person fills in the sign-in form and presses the button of any other form that the page has for its own address.
/// </summary>
/// <param name="issuer">The provider's origin.</param>
internal sealed partial class SignInByForm(string issuer) : IDisposable
{
    private const int MostSteps = 20;

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(40),
    };

    /// <summary>Opens an address, and goes on until a page leads nowhere else.</summary>
    /// <param name="address">What the person opens.</param>
    /// <param name="until">An address, without its query, that the browser does not open: the test itself is the application there.</param>
    /// <returns>The last address, and its page unless it is <paramref name="until"/>.</returns>
    public async Task<(Uri Address, Answer? Page)> OpenAsync(string address, string? until = null)
    {
        var (next, form, hasSignedIn) = (new Uri(address), default(FormUrlEncodedContent), false);
        for (var step = 0; step < MostSteps; step++)
        {
            if (next.GetLeftPart(UriPartial.Path) == until)
            {
                return (next, null);
            }

            var page = await SendAsync(next, form);
            form = null;
            if (page.Header("Location") is { } location)
            {
                next = new Uri(next, location);
            }
            else if (Refresh().Match(page.Text) is { Success: true } refresh)
            {
                next = new Uri(next, WebUtility.HtmlDecode(refresh.Groups[1].Value));
            }
            else if (page.Status == 200 && FormOf(next, page.Text) is { } fields)
            {
                Assert.False(hasSignedIn && fields.ContainsKey("password"), $"The provider asks for a password again: {page}");
                hasSignedIn |= fields.ContainsKey("password");
                form = new FormUrlEncodedContent(fields);
            }
            else
            {
                return (next, page);
            }
        }

        throw new InvalidOperationException($"{address} still leads on after {MostSteps} steps, now to {next}");
    }

    /// <summary>Opens an address, and goes nowhere else.</summary>
    public Task<Answer> GetAsync(string address) => SendAsync(new Uri(address), null);

    public void Dispose() => http.Dispose();

    private async Task<Answer> SendAsync(Uri address, HttpContent? form)
    {
        using var request = new HttpRequestMessage(form is null ? HttpMethod.Get : HttpMethod.Post, address) { Content = form };
        request.Headers.Add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        request.Headers.Add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        request.Headers.Add("Sec-Fetch-Mode", "navigate");
        request.Headers.Add("Sec-Fetch-Dest", "document");
        if (form is not null)
        {
            request.Headers.Add("Origin", issuer); // a page of the provider sends its own form
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
        }

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }

    /// <returns>The fields of the form that a page of the provider sends to its own address, filled in; null if it has none.</returns>
    private Dictionary<string, string>? FormOf(Uri address, string page)
    {
        var form = address.GetLeftPart(UriPartial.Authority) == issuer
            ? Form().Matches(page).FirstOrDefault(form => Attribute(form.Groups[1].Value, "action") == address.AbsolutePath)?.Value : null;
        return form is null ? null : Field().Matches(form).Select(field => field.Value).Where(field => Attribute(field, "name") is not null)
            .ToDictionary(field => Attribute(field, "name")!, field => Attribute(field, "name") switch
            {
                "username" => ClientMesh.Username,
                "password" => ClientMesh.Password,
                _ => Attribute(field, "value") ?? "",
            });
    }

    private static string? Attribute(string tag, string name) =>
        Regex.Match(tag, $"\\s{name}=\"([^\"]*)\"") is { Success: true } match ? WebUtility.HtmlDecode(match.Groups[1].Value) : null;

    [GeneratedRegex("<meta http-equiv=\"refresh\" content=\"0; ?url=([^\"]*)\"")]
    private static partial Regex Refresh();

    [GeneratedRegex("<form([^>]*\\smethod=\"post\"[^>]*)>.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("<(input|button)\\b[^>]*>")]
    private static partial Regex Field();
}
