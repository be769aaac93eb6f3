using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.SignIn;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Entry;

public sealed record SignUpModel(Visit Visit, Form Form, PasswordOptions Rules) : PageModel(Visit, Form)
{
    public override string Title => "signup.title";

    public override IReadOnlyList<string> Scripts => ["passwords.js"];
}

internal static class SignUpPage
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet("/signup", Show);
        pages.MapPost("/signup", SignUpAsync);
    }

    private static IResult Show(Visit visit, IOptions<PasswordOptions> rules, IOptions<AccountOptions> accounts) =>
        accounts.Value.Registration == RegistrationMode.Open ? Render(visit, Form.Empty, rules) : Register.Closed;

    private static async Task<IResult> SignUpAsync(
        Visit visit, Register register, Login login, IOptions<PasswordOptions> rules, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync("username", FormField.Secret("password"));
        if (form.IsFine)
        {
            var answer = await register.RunAsync(new RegisterRequest(form["username"], form["password"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                // The person has just chosen the password and would type it again at once. If the sign-in fails now, they do.
                var signedIn = await login.RunAsync(
                    new LoginRequest(form["username"], form["password"]), visit.Context, cancellationToken);
                return signedIn.Refusal() is null ? Visit.To(Visit.Home, "signed-up") : Visit.To("/signin", "signed-up");
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "username_taken" ? "username" : null);
        }

        return Render(visit, form, rules);
    }

    private static IResult Render(Visit visit, Form form, IOptions<PasswordOptions> rules) =>
        visit.Show(SignUp.Create(new SignUpModel(visit, form, rules.Value)));
}
