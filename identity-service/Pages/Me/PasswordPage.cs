using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passwords;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Me;

public sealed record PasswordModel(Visit Visit, Form Form, PasswordOptions Rules) : PageModel(Visit, Form)
{
    public override string Title => "change-password.title";

    public override Section Section => Section.Security;

    public override IReadOnlyList<string> Scripts => ["passwords.js"];
}

internal static class PasswordPage
{
    private const string Path = "/me/security/password";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, IOptions<PasswordOptions> rules, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is null ? visit.ToSignIn() : Render(visit, Form.Empty, rules);

    private static async Task<IResult> ChangeAsync(
        Visit visit, ChangePassword changePassword, IOptions<PasswordOptions> rules, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync(FormField.Secret("current_password"), FormField.Secret("new_password"));
        if (form.IsFine)
        {
            var answer = await changePassword.RunAsync(
                new ChangePasswordRequest(form["current_password"], form["new_password"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To("/me/security", "password");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "wrong_password" ? "current_password" : null);
        }

        return Render(visit, form, rules);
    }

    private static IResult Render(Visit visit, Form form, IOptions<PasswordOptions> rules) =>
        visit.Show(Password.Create(new PasswordModel(visit, form, rules.Value)));
}
