/* SPDX-License-Identifier: ISC */
/* Tests of base/list.h. */
#include "base/list.h"

#include "base/testing.h"

struct item {
	int n;
	struct list node;
};

static int
sum(struct list *head)
{
	int digits = 0;

	LIST_EACH(head, it)
	digits = digits * 10 + LIST_OWNER(it, struct item, node)->n;
	return digits;
}

static void
order_and_removal(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[4];

	assert_true(list_empty(&head));
	assert_null(list_take_first(&head));
	for (int i = 0; i < 4; i++) {
		items[i].n = i + 1;
		list_init(&items[i].node);
	}
	list_add_last(&head, &items[1].node);
	list_add_last(&head, &items[2].node);
	list_add_first(&head, &items[0].node);
	assert_int_equal(sum(&head), 123);
	list_remove(&items[1].node);
	list_remove(&items[1].node);
	list_remove(&items[3].node);
	assert_int_equal(sum(&head), 13);
	assert_ptr_equal(list_take_first(&head), &items[0].node);
	assert_true(list_empty(&items[0].node));
	assert_int_equal(sum(&head), 3);
}

static void
the_body_may_remove(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[5];
	int seen = 0;

	for (int i = 0; i < 5; i++) {
		items[i].n = i;
		list_add_last(&head, &items[i].node);
	}
	LIST_EACH_SAFE(&head, it)
	{
		seen++;
		if (LIST_OWNER(it, struct item, node)->n % 2 == 0)
			list_remove(it);
	}
	assert_int_equal(seen, 5);
	assert_int_equal(sum(&head), 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_removal),
		cmocka_unit_test(the_body_may_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
