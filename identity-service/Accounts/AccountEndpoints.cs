using AuthMesh.Access;

namespace AuthMesh.Identity.Accounts;

internal static class AccountEndpoints
{
    public static void MapAccounts(this IEndpointRouteBuilder app)
    {
        var group = app.MapNeverStored();
        Register.Map(group);
        Login.Map(group);

        var own = group.MapGroup("/account").RequireAuthorization(Policies.SignedIn);
        ShowAccount.Map(own);
        ChangePassword.Map(own);
        DeleteAccount.Map(own);
    }

    public static IServiceCollection AddAccounts(this IServiceCollection services) => services.AddScoped<ConfirmPassword>();
}
