using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.SignIn;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Rules">What a password must be.</param>
/// <param name="CanMail">Whether an address can be proved, without which the page asks for none.</param>
public sealed record SignUpModel(Visit Visit, Form Form, PasswordOptions Rules, bool CanMail) : PageModel(Visit, Form)
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

    private static IResult Show(
        Visit visit, MailVerification mail, IOptions<PasswordOptions> rules, IOptions<AccountOptions> accounts) =>
        accounts.Value.Registration == RegistrationMode.Open ? Render(visit, Form.Empty, mail, rules) : Register.Closed;

    private static async Task<IResult> SignUpAsync(
        Visit visit, Register register, Login login, MailVerification mail, IOptions<PasswordOptions> rules,
        CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync("username", FormField.Secret("password"), "email");
        if (form.IsFine)
        {
            var answer = await register.RunAsync(
                new RegisterRequest(form["username"], form["password"], form["email"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                // The person has just chosen the password and would type it again at once. If the sign-in fails now, they do.
                var signedIn = await login.RunAsync(
                    new LoginRequest(form["username"], form["password"]), visit.Context, cancellationToken);
                return signedIn.Refusal() is null ? Visit.To(Visit.Home, "signed-up") : Visit.To("/signin", "signed-up");
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "username_taken" ? "username" : null);
        }

        return Render(visit, form, mail, rules);
    }

    private static IResult Render(Visit visit, Form form, MailVerification mail, IOptions<PasswordOptions> rules) =>
        visit.Show(SignUp.Create(new SignUpModel(visit, form, rules.Value, mail.IsPossible)));
}
