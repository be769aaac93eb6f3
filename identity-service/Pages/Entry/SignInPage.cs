using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.SignIn;

namespace AuthMesh.Identity.Pages.Entry;

public sealed record SignInModel(Visit Visit, Form Form, string? Return) : PageModel(Visit, Form)
{
    public override string Title => "signin.title";
}

internal static class SignInPage
{
    public const string Path = "/signin";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, Show);
        pages.MapPost(Path, SignInAsync);
    }

    private static IResult Show(Visit visit) =>
        visit.IsSignedIn ? Visit.To(visit.Return ?? Visit.Home)
        : visit.Show(SignIn.Create(new SignInModel(visit, Form.Empty, visit.Return)));

    private static async Task<IResult> SignInAsync(Visit visit, Login login, HostCookies cookies, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync("username", FormField.Secret("password"), "return");
        var leadsTo = ReturnPath.TryParse(form["return"]);
        if (form.IsFine)
        {
            var answer = await login.RunAsync(
                new LoginRequest(form["username"], form["password"]), browser: null, visit.Context, cancellationToken);
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

        return visit.Show(SignIn.Create(new SignInModel(visit, form, leadsTo)));
    }
}
