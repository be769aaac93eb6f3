using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.SignIn;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Username">What an application fills in; null for nothing.</param>
/// <param name="CanRegister">Whether everybody may create an account.</param>
/// <param name="CanReset">Whether a forgotten password can be replaced by mail.</param>
public sealed record SignInModel(Visit Visit, Form Form, string? Return, string? Username, bool CanRegister, bool CanReset)
    : PageModel(Visit, Form)
{
    public override string Title => "signin.title";

    public override IReadOnlyList<string> Scripts => ["passkeys.js"];
}

internal static class SignInPage
{
    public const string Path = "/signin";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, Show);
        pages.MapPost(Path, SignInAsync);
    }

    private static IResult Show(Visit visit, MailVerification mail, IOptions<AccountOptions> accounts) =>
        visit.IsSignedIn ? Visit.To(visit.Return ?? Visit.Home) : Render(visit, Form.Empty, visit.Return, mail, accounts);

    private static async Task<IResult> SignInAsync(
        Visit visit, Login login, HostCookies cookies, MailVerification mail, IOptions<AccountOptions> accounts,
        CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync("username", FormField.Secret("password"), "return");
        var leadsTo = ReturnPath.TryParse(form["return"]);
        if (form.IsFine)
        {
            var answer = await login.RunAsync(
                new LoginRequest(form["username"], form["password"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(leadsTo ?? Visit.Home);
            }

            if (SecondFactorPage.Begin(refusal, visit.Context.Response, cookies))
            {
                return Visit.To(SecondFactorPage.PathWith(leadsTo));
            }

            form.Refuse(refusal, visit.Language);
        }

        return Render(visit, form, leadsTo, mail, accounts);
    }

    private static string? NameFor(Visit visit) =>
        visit.Context.Request.Query["username"] is [{ Length: > 0 and <= 256 } name] && !name.Any(char.IsControl) ? name : null;

    private static IResult Render(
        Visit visit, Form form, string? leadsTo, MailVerification mail, IOptions<AccountOptions> accounts) =>
        visit.Show(SignIn.Create(new SignInModel(
            visit, form, leadsTo, NameFor(visit), accounts.Value.Registration == RegistrationMode.Open, mail.IsPossible)));
}
